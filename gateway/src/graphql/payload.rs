//! What mutations give back: `success`, `errors`, `userErrors`, and the object.

/// Declares a payload: `payload! { /// About it. pub struct CreateTaskPayload { task: Task } }`. It is made from the
/// outcome of the work, `Result<(object, …), Refusal>`; of a refusal the objects are null.
#[macro_export]
macro_rules! payload {
    ($(#[$about:meta])* pub struct $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            /// Whether it was done.
            success: Option<bool>,
            /// Why not, in sentences; empty where it was done.
            errors: Option<Vec<Option<String>>>,
            /// Why not, by field and code.
            user_errors: Vec<$crate::graphql::refusal::UserError>,
            $($field: Option<$type>,)*
        }

        impl From<Result<($($type,)*), $crate::graphql::Refusal>> for $name {
            fn from(outcome: Result<($($type,)*), $crate::graphql::Refusal>) -> Self {
                match outcome {
                    Ok(($($field,)*)) => Self {
                        success: Some(true),
                        errors: Some(Vec::new()),
                        user_errors: Vec::new(),
                        $($field: Some($field),)*
                    },
                    Err(refusal) => Self {
                        success: Some(false),
                        errors: Some(refusal.sentences().into_iter().map(Some).collect()),
                        user_errors: $crate::graphql::refusal::UserError::of(&refusal),
                        $($field: None,)*
                    },
                }
            }
        }
    };
}
