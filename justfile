# One word per habit; `just` alone lists them.

_list:
    @just --list --unsorted

# Everything that must hold before a change is taken.
verify:
    .ci/run

# All tests.
test:
    cargo test --workspace --locked

# Formatting, put right instead of reported.
format:
    cargo fmt --all

# Lints of the compiler and of clippy, warnings as errors.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Measured style, the order of the crates, and the generated manual.
tidy: manual
    cargo xtask rings
    cargo xtask tidy --statistics

# The engine without an operating system.
bare:
    cargo xtask bare

# The generated pages of docs/manual.
manual:
    cargo xtask manual

# Licences, sources and known weaknesses of the dependencies; needs cargo-deny and the network.
deny:
    cargo deny --workspace check
