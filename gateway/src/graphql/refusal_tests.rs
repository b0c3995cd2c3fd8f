use trellis_rpc::Violations;

use super::*;

fn told(problem: Problem) -> Vec<String> {
    Refusal::from(Status::from(problem)).sentences()
}

#[test]
fn sentences_are_those_of_the_original() {
    for (resource, sentence) in [
        ("organization", NO_ACCESS),
        ("project", "Project not found"),
        ("task", "Task not found"),
        ("comment", "Comment not found"),
        ("member", "Member not found"),
        ("invitation", "Invitation not found"),
    ] {
        assert_eq!(told(Problem::not_found(resource)), [sentence]);
    }
    for (code, sentence) in [
        (Code::Unauthenticated, NO_PERMISSION),
        (Code::TokenExpired, NO_PERMISSION),
        (Code::Forbidden, NO_PERMISSION),
        (Code::InvalidCredentials, "Invalid credentials"),
        (Code::InvitationRequired, "Organization not found"),
    ] {
        assert_eq!(told(Problem::new(code, "As the service says it.")), [sentence], "{code:?}");
    }
    assert_eq!(told(Problem::from(AccessError::NotFound)), [NO_ACCESS]);
}

#[test]
fn what_is_taken_is_told_once_and_blamed_by_field() {
    let user = Problem::new(Code::AlreadyExists, "A user with this e-mail already exists.")
        .with_field("email", "already_exists", "is already registered")
        .with_resource("user");
    assert_eq!(told(user), ["User with this email already exists"]);

    let organization = Problem::new(Code::AlreadyExists, "Organization with this slug already exists")
        .with_field("slug", "already_exists", "is taken already")
        .with_field("contact_email", "already_exists", "is taken already")
        .with_resource("organization");
    let refusal = Refusal::from(organization);
    assert_eq!(refusal.sentences(), ["Organization with this slug already exists"]);
    let fields: Vec<_> = UserError::of(&refusal).into_iter().filter_map(|error| error.field).collect();
    assert_eq!(fields, ["slug", "contactEmail"]);
}

#[test]
fn every_bad_field_has_its_sentence() {
    let mut violations = Violations::new();
    violations.push("due_date", "invalid", "must be a date: YYYY-MM-DD");
    violations.push("status", "invalid", "must be one of TODO, IN_PROGRESS, DONE");
    violations.push("assignee_email", "not_found", "User with this email not found");
    violations.push("assignee_email", "invalid", "must not be given together with assignee_id");
    let refusal = Refusal::from(violations.finish().expect_err("there are violations"));
    assert_eq!(
        refusal.sentences(),
        [
            "dueDate must be a date: YYYY-MM-DD",
            "status must be one of TODO, IN_PROGRESS, DONE",
            "User with this email not found",
            "assigneeEmail must not be given together with assigneeId",
        ]
    );
    let first = UserError {
        field: Some("dueDate".into()),
        code: "invalid".into(),
        message: "must be a date: YYYY-MM-DD".into(),
    };
    let errors = UserError::of(&refusal);
    assert_eq!(errors.first(), Some(&first));
    assert_eq!(errors.len(), 4);
}

#[test]
fn what_no_field_is_to_blame_for_is_told_of_the_whole() {
    let refusal = Refusal::from(Problem::not_found("task"));
    let whole = UserError { field: None, code: "not_found".into(), message: "Task not found".into() };
    assert_eq!(UserError::of(&refusal), [whole]);
}

#[test]
fn the_last_admin_is_one_sentence() {
    let sentence = "An organization needs at least one ADMIN: make somebody else ADMIN first.";
    let problem = Problem::new(Code::LastAdmin, sentence).with_field("user_id", "last_admin", "is the last ADMIN");
    assert_eq!(told(problem.clone()), [sentence]);
    let error =
        UserError { field: Some("userId".into()), code: "last_admin".into(), message: "is the last ADMIN".into() };
    assert_eq!(UserError::of(&problem.into()), [error]);
}

#[test]
fn a_refused_query_has_sentence_and_code() {
    let error = Error::from(Refusal::from(Problem::not_found("organization")));
    assert_eq!(error.message, NO_ACCESS);
    let code = error.extensions.and_then(|extensions| extensions.get("code").cloned());
    assert_eq!(code, Some("not_found".into()));
}

#[test]
fn tokens_that_are_not_good() {
    for (error, code) in [
        (TokenError::Expired, Code::TokenExpired),
        (TokenError::Invalid, Code::Unauthenticated),
        (TokenError::Revoked, Code::Unauthenticated),
    ] {
        let refusal = Refusal::token(error);
        assert_eq!((refusal.code(), refusal.sentences()), (code, vec![NO_PERMISSION.to_owned()]));
    }
    assert_eq!(Refusal::token(TokenError::Unknown).code(), Code::Unavailable);
}

#[test]
fn what_went_wrong_inside_stays_there() {
    for code in [tonic::Code::Internal, tonic::Code::Unknown, tonic::Code::Unimplemented] {
        let sentences = Refusal::from(Status::new(code, "relation \"users\" does not exist")).sentences();
        assert!(!sentences.concat().contains("users"), "{sentences:?}");
    }
}

#[test]
fn names_are_camel_case_and_values_stay() {
    for (name, shown) in [
        ("organization_slug", "organizationSlug"),
        ("join_policy", "joinPolicy"),
        ("name", "name"),
        ("Idempotency-Key", "Idempotency-Key"),
        ("must be one of ON_HOLD", "must be one of ON_HOLD"),
        ("_", "_"),
        ("a__b", "a__b"),
    ] {
        assert_eq!(camel(name), shown);
    }
}
