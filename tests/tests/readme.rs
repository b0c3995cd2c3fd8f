//! The README's first session, as it is written there.

use std::{fs, process::Command};

use trellis_local::root;
use trellis_tests::Api;

/// The shell blocks between the README's session marks, with this cluster's address for the default one.
fn session(base: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- session -->").expect("the README marks where the session begins");
    let (session, _) = rest.split_once("<!-- /session -->").expect("the README marks where the session ends");
    let mut script = String::from("set -eu\n");
    for block in session.split("```sh\n").skip(1) {
        script.push_str(block.split_once("```").expect("a block ends").0);
    }
    assert!(script.contains("http://127.0.0.1:8000"));
    script.replace("http://127.0.0.1:8000", base)
}

#[tokio::test]
async fn the_first_session_of_the_readme_works_as_written() {
    let api = Api::shared();
    let script = session(&api.base);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("sh").arg("-c").arg(script).current_dir(root()).output().unwrap()
    })
    .await
    .unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    assert!(out.contains("\"task_id\":\"WEB-1\""), "{out}\n{error}");
    assert!(out.contains("comment.created") && out.contains("Hello, everyone"), "{out}\n{error}");
}
