//! Where experiments are made: with which firewall, on how many processors, and who is told how far they are.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use crate::run::Build;

/// Takes how many trials of how many are over.
pub type Progress<'a> = &'a (dyn Fn(u32, u32) + Sync);

/// Where experiments are made.
#[derive(Clone, Copy)]
pub struct Laboratory<'a> {
    /// Makes the firewalls.
    pub build: Build<'a>,
    /// Trials that run at the same time.
    pub jobs: usize,
    /// Who is told how far it is.
    pub progress: Option<Progress<'a>>,
}

impl<'a> Laboratory<'a> {
    /// One that uses all processors and tells nobody.
    pub fn new(build: Build<'a>) -> Self {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        Self { build, jobs, progress: None }
    }

    /// Makes `count` trials, each from its number. What came of them is in the order of their numbers,
    /// whatever the order in which they were made.
    ///
    /// # Errors
    /// The first one of a trial that could not be made.
    pub(super) fn trials<T: Send>(
        &self,
        count: u32,
        trial: impl Fn(u32) -> Result<T, String> + Sync,
    ) -> Result<Vec<T>, String> {
        let next = AtomicU32::new(0);
        let over = AtomicU32::new(0);
        let work = || {
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return made;
                }
                let outcome = trial(number);
                if outcome.is_err() {
                    // Nobody begins another one.
                    next.store(count, Ordering::Relaxed);
                }
                made.push((number, outcome));
                let over = over.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(tell) = self.progress {
                    tell(over, count);
                }
            }
        };
        let jobs = self.jobs.clamp(1, count.max(1) as usize);
        let mut made = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for worker in workers {
                all.extend(worker.join().map_err(|_| "a trial ended in a panic".to_owned())?);
            }
            Ok::<_, String>(all)
        })?;
        made.sort_by_key(|(number, _)| *number);
        made.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall;

    #[test]
    fn trials_keep_their_order_and_the_first_error_ends_them() {
        let told = AtomicU32::new(0);
        let tell = |_, _| {
            told.fetch_add(1, Ordering::Relaxed);
        };
        let laboratory = Laboratory { build: &firewall::build, jobs: 3, progress: Some(&tell) };
        let squares = laboratory.trials(100, |number| Ok(number * number)).expect("none fails");
        assert_eq!(squares, (0..100).map(|number| number * number).collect::<Vec<_>>());
        assert_eq!(told.load(Ordering::Relaxed), 100);
        let fails = |number| if number == 5 { Err("five".to_owned()) } else { Ok(()) };
        assert_eq!(laboratory.trials(1_000, fails), Err("five".to_owned()));
    }
}
