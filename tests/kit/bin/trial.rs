//! `aegir-on-trial`: the `aegir` command with failures that a test orders in `AEGIR_FAULT`.
//!
//! A comma-separated list of `fail-before:STEP`, `fail-after:STEP`, `fail-undo:STEP`, `die-event:NUMBER`,
//! `signals-event:NUMBER` (two interrupts and a kill), `die-apply:STEP`, `twice`.

use std::process::ExitCode;

use aegir_core::engine::{Die, Fails, Faults};

fn main() -> ExitCode {
    let orders = std::env::var("AEGIR_FAULT").unwrap_or_default();
    let faults = faults(&orders);
    aegir_cli::App::new().with(aegir_services::register).adjust(move |builder| builder.faults(faults.clone())).run()
}

fn faults(orders: &str) -> Faults {
    let mut faults = Faults::default();
    for order in orders.split(',').filter(|o| !o.is_empty()) {
        let (what, number) = order.split_once(':').unwrap_or((order, "0"));
        let number: usize = number.parse().expect("AEGIR_FAULT takes numbers");
        match what {
            "fail-before" => faults.fail = Some(Fails::Before(number)),
            "fail-after" => faults.fail = Some(Fails::After(number)),
            "fail-undo" => faults.fail_undo = Some(number),
            "die-event" => faults.die = Some(Die::AfterEvent(number as u64)),
            "signals-event" => faults.die = Some(Die::SignalsAfter(number as u64)),
            "die-apply" => faults.die = Some(Die::AfterApply(number)),
            "twice" => faults.twice = true,
            other => panic!("AEGIR_FAULT holds the unknown order {other}"),
        }
    }
    faults
}
