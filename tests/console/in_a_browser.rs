//! The pages in a real browser: wide and narrow, light and dark, without scripts, by keyboard, live.

use serde_json::{Value, json};

use super::Stage;
use crate::callers::{Called, look_at_page};

#[tokio::test]
async fn every_page_is_read_at_any_width_in_any_light_and_by_keyboard() {
    let stage = Stage::set().await;
    stage.works().await;
    let all = stage
        .twin(&stage.rita, "/requests.json?q=decision%3Adeny")
        .await;
    let id = all["lines"][0]["id"].as_str().unwrap();
    let decision = format!("/decision?id={id}");
    let pages = [
        "",
        "/requests",
        &decision,
        "/denied",
        "/who",
        "/policy",
        "/integrity",
        "/keys",
        "/export",
    ];
    let called = Called {
        address: stage.world.stile.url().to_owned(),
        token: stage.rita.clone(),
        ca_file: None,
    };
    for page in pages {
        let path = format!("/.stile/console{page}");
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().to_str().unwrap();
        let Some(said) = look_at_page(&called, &[&path, pictures]).await else {
            break;
        };
        assert_eq!(
            said["refused"],
            json!([]),
            "{page}: its own policy stands in its way"
        );
        assert_eq!(said["axe"], json!([]), "{page}");
        for request in said["requests"].as_array().unwrap() {
            assert!(
                request.as_str().unwrap().starts_with(&called.address),
                "{page}: {request}"
            );
        }
        for (width, scrolls) in said["wide"].as_object().unwrap() {
            let width: u64 = width.parse().unwrap();
            assert!(
                scrolls.as_u64().unwrap() <= width,
                "{page} at {width} px is {scrolls} px wide"
            );
        }
        let focus: Vec<&str> = said["focus"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(
            focus.first(),
            Some(&"a #main"),
            "{page}: the first stop leads past the head"
        );
        assert!(focus.len() > 8, "{page}: {focus:?}");
        if let Some(kept) = std::env::var_os("STILE_PICTURES") {
            let name = page.split('?').next().unwrap().trim_start_matches('/');
            for picture in std::fs::read_dir(folder.path()).unwrap() {
                let picture = picture.unwrap();
                let name = format!("{name}-{}", picture.file_name().to_string_lossy());
                std::fs::copy(picture.path(), std::path::Path::new(&kept).join(name)).unwrap();
            }
        }
    }
    stage.close().await;
}
