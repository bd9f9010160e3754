//! The demo: the main job on real input, told scene by scene, checking itself.
//!
//! In: the real `stile` program and the shipped policies. Out: a story on standard output, and
//! whether every scene went as expected.
//!
//! Everything is real except that issuers and upstream live in this process: sockets, signatures,
//! policies, journal. Nothing is written outside a temporary folder, which goes with the demo.

use std::io;
use std::path::{Path, PathBuf};

use crate::gitlab::{self, SIGNING_KEY};
use crate::world::{Ground, World};

mod forgery;
mod gitlab_loop;
mod scenes;
mod story;

use story::Story;

/// Where the demo finds what it shows.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The `stile` program.
    pub program: PathBuf,
    /// The shipped `policies` folder.
    pub policies: PathBuf,
}

/// Plays every scene. True when all went as expected; with `stay`, waits for the end of input or a
/// signal afterwards, so that people can try things.
///
/// # Errors
/// When the stage cannot be set.
pub async fn play(stage: &Stage, stay: bool) -> io::Result<bool> {
    let mut story = Story::open();
    let mut ground = Ground::lay(&stage.policies).await?;
    let folder = ground.folder();
    folder.write_secret("secrets/hook.key", &format!("{SIGNING_KEY}\n"))?;
    ground.settings += &gitlab::settings();
    let world = ground.serve(&stage.program).await?;
    story.introduces(&world);
    scenes::play(&world, &mut story).await?;
    forgery::play(&world, stage, &mut story)?;
    gitlab_loop::play(&world, stage, &mut story).await?;
    story.sums_up();
    if stay && story.as_expected() {
        tokens(&world)?;
        story.invites(&world, &stage.program);
        told_to_end().await?;
    }
    let as_expected = story.as_expected();
    let World { stile, .. } = world;
    let (status, _folder, said) = stile.stop().await?;
    if !status.success() {
        story.unexpected(&format!("stile ended with {status}:\n{said}"));
    }
    Ok(as_expected && status.success())
}

/// Ctrl-C, the end of its terminal, or a kind word of whoever started it: nothing may be left behind
/// in any of them.
async fn told_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Puts a token of each kind into the world's folder, so that a shell can use them.
fn tokens(world: &World) -> io::Result<()> {
    let folder = world.stile.folder();
    folder.write_secret("ci-main.token", &world.job_token(serde_json::json!({})))?;
    folder.write_secret("ci-feature.token", &world.feature_token())?;
    folder.write_secret(
        "mira.token",
        &world.person_token(scenes::MIRA, &[scenes::PAYMENTS]),
    )?;
    Ok(())
}

/// The program beside this one, as cargo puts them: `target/debug/stile`.
///
/// # Errors
/// When it is not there.
pub fn program_beside(own: &Path) -> io::Result<PathBuf> {
    let program = own.with_file_name("stile");
    if program.is_file() {
        return Ok(program);
    }
    Err(io::Error::other(format!(
        "`{}` is missing: run `make demo`",
        program.display()
    )))
}
