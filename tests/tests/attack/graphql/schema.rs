//! The schema as it is served: its fields, and documents that ask for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trellis_tests::Api;

const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { name kind fields(includeDeprecated: true) { name type { ...Type } args { name defaultValue type { ...Type } } } } } }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

pub struct Schema {
    /// The root types by the kind of their operation.
    roots: BTreeMap<&'static str, String>,
    /// Object types.
    types: BTreeMap<String, Vec<Field>>,
}

pub struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    /// The name of its type, without lists and exclamation marks.
    pub of: String,
    /// Whether it is a value, and no object.
    pub is_value: bool,
}

pub struct Argument {
    pub name: String,
    /// As a variable of it is declared.
    pub of: String,
    pub required: bool,
}

impl Field {
    /// A value that takes no arguments: it is part of its object.
    pub fn is_plain(&self) -> bool {
        self.is_value && self.arguments.is_empty()
    }

    /// Asks for a root field, with these arguments as variables.
    pub fn document(&self, kind: &str, given: &Value, selection: &str) -> String {
        let given = given.as_object().expect("variables are an object");
        for name in given.keys() {
            assert!(self.arguments.iter().any(|one| one.name == *name), "{} takes no {name}", self.name);
        }
        for argument in self.arguments.iter().filter(|argument| argument.required) {
            assert!(given.contains_key(&argument.name), "{} is given no {}", self.name, argument.name);
        }
        let given: Vec<_> = self.arguments.iter().filter(|argument| given.contains_key(&argument.name)).collect();
        let declared: Vec<_> = given.iter().map(|Argument { name, of, .. }| format!("${name}: {of}")).collect();
        let passed: Vec<_> = given.iter().map(|Argument { name, .. }| format!("{name}: ${name}")).collect();
        let in_brackets =
            |list: &[String]| if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
        format!("{kind}{} {{ {}{} {selection} }}", in_brackets(&declared), self.name, in_brackets(&passed))
    }
}

impl Schema {
    pub async fn read(api: &Api) -> Self {
        let schema = api.graph().data(INTROSPECTION, json!({})).await["__schema"].clone();
        let root = |kind, member: &str| Some((kind, schema[member]["name"].as_str()?.to_owned()));
        let roots = [("query", "queryType"), ("mutation", "mutationType"), ("subscription", "subscriptionType")];
        let objects = items(&schema["types"]).filter(|one| one["kind"] == "OBJECT" && !name(one).starts_with("__"));
        let abstract_ones = items(&schema["types"]).filter(|one| one["kind"] == "INTERFACE" || one["kind"] == "UNION");
        let unknown: Vec<_> = abstract_ones.map(name).collect();
        assert!(unknown.is_empty(), "of a kind that this test does not know: {unknown:?}");
        Self {
            roots: roots.into_iter().filter_map(|(kind, member)| root(kind, member)).collect(),
            types: objects.map(|one| (name(one), items(&one["fields"]).map(field).collect())).collect(),
        }
    }

    /// Every root field, with the kind of its operation.
    pub fn root_fields(&self) -> impl Iterator<Item = (&'static str, &Field)> {
        self.roots.iter().flat_map(|(kind, root)| self.types[root].iter().map(|field| (*kind, field)))
    }

    pub fn root_field(&self, kind: &str, name: &str) -> Option<&Field> {
        self.root_fields().find(|(of, field)| *of == kind && field.name == name).map(|(_, field)| field)
    }

    /// The fields of an object type.
    pub fn fields(&self, of: &str) -> &[Field] {
        self.types.get(of).unwrap_or_else(|| panic!("there is no type {of}"))
    }

    /// Every object type that is no root.
    pub fn objects(&self) -> BTreeSet<&str> {
        self.types.keys().map(String::as_str).filter(|name| !self.roots.values().any(|root| root == name)).collect()
    }

    /// `{ … }` with the values of an object, and those of the objects in it, so many levels deep.
    pub fn selection(&self, of: &str, depth: usize) -> String {
        let fields = self.fields(of).iter().filter(|field| !field.arguments.iter().any(|one| one.required));
        let names: Vec<_> = fields
            .filter_map(|field| match (field.is_value, depth) {
                (true, _) => Some(field.name.clone()),
                (false, 0) => None,
                (false, _) => Some(format!("{} {}", field.name, self.selection(&field.of, depth - 1))),
            })
            .collect();
        format!("{{ {} }}", if names.is_empty() { "__typename".to_owned() } else { names.join(" ") })
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn name(one: &Value) -> String {
    one["name"].as_str().unwrap_or_else(|| panic!("no name: {one}")).to_owned()
}

fn field(one: &Value) -> Field {
    let mut of = &one["type"];
    while !of["ofType"].is_null() {
        of = &of["ofType"];
    }
    Field {
        name: name(one),
        arguments: items(&one["args"])
            .map(|argument| Argument {
                name: name(argument),
                of: written(&argument["type"]),
                required: argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null(),
            })
            .collect(),
        of: name(of),
        is_value: of["kind"] == "SCALAR" || of["kind"] == "ENUM",
    }
}

/// A type as it stands in a document.
fn written(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&of["ofType"])),
        Some("LIST") => format!("[{}]", written(&of["ofType"])),
        _ => name(of),
    }
}
