//! The parameters of a request, over HTTP and over the socket: `query`, `variables`, `operationName`, `extensions`.
//! Others, which some clients send for their own use, are passed over, as the original does.

use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{params, problem::Problem};

/// As they come, before anyone looked at their types. What is null counts as not given.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    query: Option<Value>,
    variables: Option<Value>,
    operation_name: Option<Value>,
    extensions: Option<Value>,
}

/// From JSON: a body, or the payload of a socket's message.
pub fn from_body(body: &[u8]) -> Result<Request, Problem> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(b'[') => {
            let about = "Batches are not taken: send one operation a request, or several fields in one operation.";
            return Err(Problem::invalid_request(about));
        }
        // What the parser says of anything else would show it again, and it may be a password.
        _ => return Err(Problem::invalid_request("The body is not a GraphQL request: it is no JSON object.")),
    }
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| Problem::invalid_request(format!("The body is not a GraphQL request: {error}.")))?;
    asked.request()
}

/// From the query of the address.
pub fn from_query(query: &str) -> Result<Request, Problem> {
    let mut asked = Asked::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |text: &str| params::decoded(&text.replace('+', " "));
        let (Some(name), Some(value)) = (text(name), text(value)) else {
            return Err(Problem::invalid_request("The query of the address is not percent-encoded UTF-8."));
        };
        let json = |value: &str| match value {
            "" => Ok(Value::Null),
            value => serde_json::from_str(value)
                .map_err(|error| Problem::invalid_request(format!("The parameter \"{name}\" is not JSON: {error}."))),
        };
        let (field, value) = match name.as_str() {
            "query" => (&mut asked.query, Value::String(value)),
            "operationName" => (&mut asked.operation_name, Value::String(value)),
            "variables" => (&mut asked.variables, json(&value)?),
            "extensions" => (&mut asked.extensions, json(&value)?),
            _ => continue,
        };
        if field.replace(value).is_some() {
            return Err(Problem::invalid_request(format!("The parameter \"{name}\" must be given once.")));
        }
    }
    asked.request()
}

impl Asked {
    fn request(self) -> Result<Request, Problem> {
        let wrong = |name: &str, what: &str| Problem::invalid_request(format!("\"{name}\" must be {what}."));
        let object = |name: &str, value: Option<Value>| match value {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object),
            Some(_) => Err(wrong(name, "an object")),
        };
        let extensions = object("extensions", self.extensions)?;
        let query = match self.query {
            Some(Value::String(query)) => query,
            // At these words clients that send a document's hash first send the document.
            None | Some(Value::Null) if extensions.contains_key("persistedQuery") => {
                return Err(Problem::invalid_request("PersistedQueryNotSupported"));
            }
            _ => return Err(wrong("query", "a text, the GraphQL document")),
        };
        let operation_name = match self.operation_name {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
            Some(_) => return Err(wrong("operationName", "a text")),
        };
        let variables = Variables::from_json(Value::Object(object("variables", self.variables)?));
        let mut request = Request::new(query).variables(variables);
        request.operation_name = operation_name;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused(asked: Result<Request, Problem>) -> String {
        let problem = asked.err().unwrap();
        assert_eq!(problem.code(), "invalid_request");
        problem.detail().to_owned()
    }

    #[test]
    fn bodies() {
        let asked = from_body(br#"{"query":"{a}","variables":{"a":[1]},"operationName":"A","extensions":{"x":1}}"#);
        let asked = asked.unwrap();
        assert_eq!((asked.query.as_str(), asked.operation_name.as_deref()), ("{a}", Some("A")));
        assert_eq!(asked.variables.get("a").unwrap().to_string(), "[1]");
        assert!(from_body(br#"{"query":"{a}","id":"1"}"#).is_ok() && from_query("query=a&x=1").is_ok(), "passed over");
        let nulls = from_body(br#"{"query":"{a}","variables":null,"operationName":null,"extensions":null}"#).unwrap();
        assert!(nulls.variables.is_empty() && nulls.operation_name.is_none());
        for (bad, about) in [
            (r#" [{"query":"{a}"}]"#, "Batches are not taken"),
            (r#"{"query":"{a}""#, "not a GraphQL request: EOF"),
            (r#"{"qeury":"{a}"}"#, "\"query\" must be a text"),
            (r#"{"query":"{a}","query":"{b}"}"#, "duplicate field `query`"),
            ("{}", "\"query\" must be a text"),
            (r#"{"query":1}"#, "\"query\" must be a text"),
            (r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}}"#, "PersistedQueryNotSupported"),
            (r#"{"query":"{a}","variables":"{}"}"#, "\"variables\" must be an object"),
            (r#"{"query":"{a}","variables":[1]}"#, "\"variables\" must be an object"),
            (r#"{"query":"{a}","operationName":false}"#, "\"operationName\" must be a text"),
            (r#"{"query":"{a}","extensions":0}"#, "\"extensions\" must be an object"),
        ] {
            let told = refused(from_body(bad.as_bytes()));
            assert!(told.contains(about), "{bad}: {told}");
        }
        for bad in ["", " \n", "\"{a}\"", "-12345", "true", "null", "hunter2", "\u{feff}{}", "query=%7Ba%7D", "}"] {
            let told = refused(from_body(bad.as_bytes()));
            assert_eq!(told, "The body is not a GraphQL request: it is no JSON object.", "{bad}");
        }
        let deep = format!(r#"{{"query":"{{a}}","variables":{{"a":{}1{}}}}}"#, "[".repeat(200), "]".repeat(200));
        assert!(refused(from_body(deep.as_bytes())).contains("recursion limit"));
    }

    #[test]
    fn queries() {
        let asked = from_query("query=query+A%28%24a%3AInt%29%7Ba%7D&variables=%7B%22a%22%3A1%7D&operationName=A");
        let asked = asked.unwrap();
        assert_eq!((asked.query.as_str(), asked.operation_name.as_deref()), ("query A($a:Int){a}", Some("A")));
        assert_eq!(asked.variables.get("a").unwrap().to_string(), "1");
        assert!(from_query("query=%7Ba%7D&variables=&operationName=&extensions=null").is_ok());
        for bad in ["", "query=%zz", "query=a&query=b", "query=a&variables=x", "query=a&variables=1"] {
            refused(from_query(bad));
        }
    }
}
