//! What the system must not do with our memory, and what it must let us have.

/// No core dump: questions live in memory. As many open files as the system allows.
pub(crate) fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // Each is done as far as the system lets us; none of them fails on a system that has it.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let files = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Also where cores are piped to a program, which no limit stops, and against debuggers of the same user.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
