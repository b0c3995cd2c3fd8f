//! Projects, tasks, comments and activity.
