//! Rule lookups: headers drawn inside the rules of generated rule bases of three kinds, in an order that no
//! cache foresees. The mean of the three kinds counts.

mod classbench;
pub mod generate;

use std::{fs, hint::black_box, path::Path, sync::Arc, time::Instant};

use anyhow::{Result, bail};
use bifrons_config::Config;
use bifrons_model::Generation;
use bifrons_policy::{Policy, Query};

use generate::{KINDS, Random};

/// Headers that are looked up.
const HEADERS: usize = 1_000_000;
/// How often each is, and the median counts: other programs' turns on the processor fall out.
const PASSES: usize = 5;
/// Headers for which all rules are asked in turn.
const LINEAR_HEADERS: usize = 500;
/// Of a hundred headers, so many must be decided by a rule that is not the default.
const DECIDED_MIN: usize = 80;

/// Nanoseconds a lookup among this many rules. Each kind's figure, and what asking one rule after the other
/// takes, go to standard error; so do those of the ClassBench sets of ten thousand rules where
/// `BIFRONS_CORPUS` says where they are.
pub fn lookup(rules: usize) -> Result<f64> {
    let mut sum = 0f64;
    for kind in KINDS {
        let config = generate::rule_base(&mut Random(1), kind, rules);
        sum += lookup_in(kind.name, &config)?;
    }
    if rules == 10_000
        && let Some(corpus) = std::env::var_os("BIFRONS_CORPUS")
    {
        lookup_in_files(&Path::new(&corpus).join("classifier/classbench"))?;
    }
    Ok(sum / KINDS.len() as f64)
}

/// Milliseconds to compile 100,000 rules that take the place of others, until a worker could have them.
pub fn compile_and_swap() -> Result<f64> {
    let [kind, ..] = KINDS;
    let before = generate::rule_base(&mut Random(1), kind, 100_000);
    let after = generate::rule_base(&mut Random(2), kind, 100_000);
    let mut current = Arc::new(Policy::compile(&before, Generation(1)).with_users(&generate::users()));
    let start = Instant::now();
    current = Arc::new(Policy::compile_after(&current, &after, Generation(2)));
    let elapsed = start.elapsed();
    if current.generation() != Generation(2) {
        bail!("the policy was not exchanged");
    }
    Ok(elapsed.as_secs_f64() * 1e3)
}

fn lookup_in_files(folder: &Path) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::path);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with("_10k") {
            lookup_in(&name, &classbench::read(&file.path())?)?;
        }
    }
    Ok(())
}

fn lookup_in(name: &str, config: &Config) -> Result<f64> {
    let policy = Policy::compile(config, Generation(1)).with_users(&generate::users());
    let mut random = Random(7);
    let headers: Vec<Query> = (0..HEADERS).map(|_| generate::header(&mut random, config, &policy)).collect();
    let decides = |query: &&Query| policy.lookup(query).rule.index() < config.rules.len();
    let decided = headers.iter().filter(decides).count() * 100 / HEADERS;
    if decided < DECIDED_MIN {
        bail!("{name}: only {decided} % of the headers are decided by a rule that is not the default");
    }
    let mut passes: Vec<f64> =
        (0..PASSES).map(|_| nanoseconds(&headers, |query| policy.lookup(query).rule.0)).collect();
    passes.sort_by(f64::total_cmp);
    let found = passes[PASSES / 2];
    let (few, _) = headers.split_at(LINEAR_HEADERS);
    let linear = nanoseconds(few, |query| policy.explain(query).decision.rule.0);
    let count = config.rules.len();
    eprintln!(
        "  {name}, {count} rules, {decided} % decided by one: {found:.1} ns, one by one {linear:.0} ns"
    );
    Ok(found)
}

/// The time of each call on average.
fn nanoseconds(headers: &[Query], mut look: impl FnMut(&Query) -> u32) -> f64 {
    let start = Instant::now();
    let mut sum = 0u32;
    for query in headers {
        sum = sum.wrapping_add(look(query));
    }
    black_box(sum);
    start.elapsed().as_nanos() as f64 / headers.len() as f64
}
