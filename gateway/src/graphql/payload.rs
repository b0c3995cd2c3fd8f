//! What mutations give back: `success`, `errors`, `userErrors`, and the objects.

/// Declares a payload: `payload! { /// About it. pub struct CreateTaskPayload { /// About it. task: Option<Task> } }`.
/// It is made from the outcome of the work, `Result<(Option<Task>, …), Refusal>`; of a refusal the objects are null.
#[macro_export]
macro_rules! payload {
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[$field_about:meta])* $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$about])*
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            /// Whether it was done.
            success: Option<bool>,
            /// Why not, in sentences; empty where it was done.
            errors: Option<Vec<Option<String>>>,
            /// Why not, by field and code.
            user_errors: Vec<$crate::graphql::refusal::UserError>,
            $($(#[$field_about])* $field: $type,)*
        }

        impl From<Result<($($type,)*), $crate::graphql::Refusal>> for $name {
            fn from(outcome: Result<($($type,)*), $crate::graphql::Refusal>) -> Self {
                match outcome {
                    Ok(($($field,)*)) => Self {
                        success: Some(true),
                        errors: Some(Vec::new()),
                        user_errors: Vec::new(),
                        $($field,)*
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
