//! Two devices that do not hear each other.

use bifrons_ha::HaLinkId;

use super::{
    passive::{Pair, call, millis, scenery, seconds},
    stage::Stage,
};
use crate::run::Build;

/// HA1 is cut, and there is no backup; then the same with one.
pub(super) fn tell(build: Build<'_>) -> Result<String, String> {
    let mut text = without_backup(build)?;
    text.push_str(&with_backup(build)?);
    Ok(text)
}

fn without_backup(build: Build<'_>) -> Result<String, String> {
    let (opens, cut, back) = (seconds(30), seconds(35), seconds(60));
    let requests = [opens, seconds(50), seconds(51), back + seconds(10)];
    let first = call(40_000, opens, &requests, Some(requests[3]));
    let second = call(40_001, seconds(52), &[seconds(52), back + seconds(11)], Some(back + seconds(11)));
    let title = "Two devices that cannot hear each other: both lead, until the link between them is back.";
    let mut stage = Stage::new(scenery(title, &Pair::default(), vec![first, second]), build)?;
    stage.stand_until(opens);
    stage.chapter("A connection passes by device 0");
    stage.run_until(cut);
    stage.tables();
    stage.chapter("HA1 carries nothing any more");
    stage.remark(
        "Both devices live, but neither hears the other: device 1 cannot tell this from a dead peer, and \
         takes over. There are two devices with the same addresses now.",
    );
    stage.cut_between(HaLinkId::Ha1, true);
    stage.run_until(seconds(49));
    stage.tables();
    stage.chapter("What hosts see");
    stage.remark(
        "Each switch sends to the device that it heard last; both forward. That goes well as long as both \
         directions take the same way, and by chance where they do not.",
    );
    stage.run_until(seconds(59));
    stage.tables();
    stage.chapter("HA1 is back");
    stage.remark(
        "Each tells what it has. The better device stays, the other one stands down: sessions that went on \
         there go on here from where they are now, and the addresses are announced once more.",
    );
    stage.run_until(back);
    stage.cut_between(HaLinkId::Ha1, false);
    stage.run_until(back + seconds(9));
    stage.tables();
    stage.chapter("The connections end");
    stage.run_until(back + seconds(40));
    Ok(stage.finish())
}

fn with_backup(build: Build<'_>) -> Result<String, String> {
    let (opens, cut) = (seconds(30), seconds(35));
    let calls = vec![call(40_000, opens, &[opens, seconds(50)], Some(seconds(50) + millis(100)))];
    let links = vec![HaLinkId::Ha1, HaLinkId::HeartbeatBackup, HaLinkId::Ha2];
    let title = "The same with `election-option heartbeat-backup yes`";
    let mut scenery = scenery(title, &Pair { links, ..Pair::default() }, calls);
    scenery.picture = "";
    let mut stage = Stage::new(scenery, build)?;
    stage.stand_until(opens);
    stage.chapter("A connection passes by device 0");
    stage.run_until(cut);
    stage.chapter("HA1 carries nothing any more");
    stage.remark(
        "Heartbeats come over the management ports as well: device 1 knows that device 0 lives, and stays \
         passive.",
    );
    stage.cut_between(HaLinkId::Ha1, true);
    stage.run_until(seconds(49));
    stage.chapter("The connection ends");
    stage.run_until(seconds(80));
    Ok(stage.finish())
}
