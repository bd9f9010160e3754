//! The demo is a test: it ends as expected, or names the scene that did not.

use stile_kit::demo::{Stage, play};

use crate::support::{policies, program};

#[tokio::test]
async fn every_scene_of_the_demo_goes_as_expected() {
    let stage = Stage {
        program: program().to_owned(),
        policies: policies(),
    };
    assert!(
        play(&stage, false).await.unwrap(),
        "a scene was a surprise; its lines say which"
    );
}
