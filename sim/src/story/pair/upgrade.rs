//! Other software on both devices, one after the other, while a connection passes.

use std::time::Duration;

use bifrons_ha::{SoftwareVersion, StateRequest};

use super::{
    passive::{Pair, call, millis, scenery, seconds},
    stage::Stage,
};
use crate::run::Build;

/// What runs before and after.
const OLD: SoftwareVersion = SoftwareVersion { major: 1, minor: 0, maintenance: 0 };
const NEW: SoftwareVersion = SoftwareVersion { major: 1, minor: 1, maintenance: 0 };
/// The connection that passes all the time.
const PORT: u16 = 40_000;
/// How long a device takes to begin anew.
const BOOT: Duration = Duration::from_secs(20);

/// The passive device first, then a switch-over, then the other one.
pub(super) fn tell(build: Build<'_>) -> Result<String, String> {
    let (opens, closes) = (seconds(30), seconds(200));
    // Ten requests a second, none of them at a moment at which something else begins.
    let requests: Vec<Duration> = (0..1_700).map(|number| opens + millis(50 + 100 * number)).collect();
    let title = "Both devices of a pair get other software while a connection passes; no packet is lost.";
    let mut scenery = scenery(title, &Pair::default(), vec![call(PORT, opens, &requests, Some(closes))]);
    scenery.background = vec![PORT];
    let mut stage = Stage::new(scenery, build)?;
    for device in [0, 1] {
        stage.install(device, OLD)?;
        stage.crash(device, Some(seconds(1)));
    }
    stage.stand_until(opens);
    stage.chapter("A connection passes by device 0");
    stage.run_until(seconds(40));
    stage.chapter("The passive device gets the new software");
    stage.remark("It is suspended first, so that nobody relies on it while it is away.");
    stage.request(1, StateRequest::Suspend)?;
    stage.run_until(seconds(45));
    stage.install(1, NEW)?;
    stage.crash(1, Some(BOOT));
    stage.run_until(seconds(75));
    stage.remark(
        "A start forgets that the device was suspended: it is passive again and has been told all sessions. \
         Devices of two versions speak the older one's words. They do not exchange configurations as long \
         as their software differs.",
    );
    stage.show(1, "state", &["State:", "Software Version:", "Running Configuration:"]);
    stage.commit(0, "set rulebase security rules late action deny")?;
    stage.run_until(seconds(80));
    stage.show(1, "state", &["Running Configuration:"]);
    stage.chapter("Device 1 takes over");
    stage.remark(
        "The active device is suspended. It goes on until the other one leads, so nothing is lost in \
         between.",
    );
    stage.request(0, StateRequest::Suspend)?;
    stage.run_until(seconds(100));
    stage.tables();
    stage.chapter("The other device gets the new software");
    stage.install(0, NEW)?;
    stage.crash(0, Some(BOOT));
    stage.run_until(seconds(140));
    stage.show(0, "state", &["State:", "Software Version:", "Running Configuration:"]);
    stage.chapter("The connection ends");
    stage.run_until(seconds(240));
    let lost = stage.lost();
    let mut text = stage.finish();
    text.push_str(&format!("\nSegments that arrived nowhere: {lost}\n"));
    Ok(text)
}
