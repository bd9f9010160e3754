//! Large bodies, up and down, straight and through stile, in turn.

use std::io;
use std::time::Instant;

use super::Plan;
use super::caller::{Caller, Way, whole};
use super::figures::{Figure, spread};
use super::sink::{Poured, taken};
use super::stand::{STREAMS, Stand};
use crate::bench::processor_us;

/// Measures it.
///
/// # Errors
/// When a body does not arrive whole.
pub(super) async fn measure(plan: &Plan) -> io::Result<Vec<Figure>> {
    let stand = Stand::open(plan, BODY_BYTES, "body_idle_timeout: 60s").await?;
    let mut figures = Vec::new();
    // Warm before memory is counted: one small body each way.
    for way in Way::all() {
        let mut caller = Caller::of(of(stand.through, way), way, &stand.world.ca).await?;
        up(&mut caller, &stand.token, 64 * 1024).await?;
    }
    for way in Way::all() {
        for upward in [true, false] {
            eprintln!("1 GiB {}, {}", direction(upward), way.words());
            let mut all = Rounds::default();
            for _ in 0..plan.rounds {
                all.straight
                    .push(one(&stand, way, upward, stand.straight).await?);
                stand.forget_the_peak()?;
                let (idle, cpu) = (stand.resident_kib()?, processor_us(stand.pid())?);
                all.through
                    .push(one(&stand, way, upward, stand.through).await?);
                let cpu_s = (processor_us(stand.pid())? - cpu) as f64 / 1e6;
                all.cpu_s.push(cpu_s);
                all.more_mib
                    .push(stand.peak_kib()?.saturating_sub(idle) as f64 / 1024.0);
            }
            figures.extend(all.figures(way, upward));
        }
    }
    Ok(figures)
}

/// MiB per second of each round, straight and through, and what stile took for it.
#[derive(Debug, Default)]
struct Rounds {
    straight: Vec<f64>,
    through: Vec<f64>,
    cpu_s: Vec<f64>,
    more_mib: Vec<f64>,
}

impl Rounds {
    fn figures(self, way: Way, upward: bool) -> [Figure; 2] {
        let pairs = self.through.iter().zip(&self.straight);
        let (least, share, most) = spread(pairs.map(|(a, b)| a / b * 100.0).collect());
        let (_, straight, _) = spread(self.straight);
        let (_, through, _) = spread(self.through);
        let (_, cpu, _) = spread(self.cpu_s);
        let (_, _, more) = spread(self.more_mib);
        let what = format!("1 GiB {}, {}", direction(upward), way.words());
        [
            Figure::of(
                what.clone(),
                format!(
                    "{through:.0} of {straight:.0} MiB/s: {share:.0} % ({least:.0} to {most:.0}), \
                     {cpu:.2} s of stile's processor"
                ),
                ">= 70 %",
                share >= 70.0,
            ),
            Figure::of(
                format!("{what}: memory over idle"),
                format!("{more:.1} MiB at most"),
                "<= 64 MiB",
                more <= 64.0,
            ),
        ]
    }
}

/// MiB per second of one body.
async fn one(
    stand: &Stand,
    way: Way,
    upward: bool,
    to: [std::net::SocketAddr; 2],
) -> io::Result<f64> {
    let mut caller = Caller::of(of(to, way), way, &stand.world.ca).await?;
    let began = Instant::now();
    let moved = match upward {
        true => up(&mut caller, &stand.token, BODY_BYTES).await?,
        false => {
            let answer = caller
                .ask("POST", STREAMS, &stand.token, Poured::Zeros(0))
                .await?;
            taken(answer.into_body()).await?
        }
    };
    if moved != BODY_BYTES {
        return Err(io::Error::other(format!("{moved} bytes arrived")));
    }
    Ok((BODY_BYTES >> 20) as f64 / began.elapsed().as_secs_f64())
}

/// How many bytes the sink says it had.
async fn up(caller: &mut Caller, token: &str, bytes: u64) -> io::Result<u64> {
    let answer = caller
        .ask("POST", STREAMS, token, Poured::Zeros(bytes))
        .await?;
    let said = whole(answer).await?;
    String::from_utf8_lossy(&said)
        .parse()
        .map_err(io::Error::other)
}

fn of([clear, tls]: [std::net::SocketAddr; 2], way: Way) -> std::net::SocketAddr {
    if way.tls { tls } else { clear }
}

fn direction(upward: bool) -> &'static str {
    if upward { "up" } else { "down" }
}

const BODY_BYTES: u64 = 1 << 30;
