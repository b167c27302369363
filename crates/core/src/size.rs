//! Numbers of bytes as people read them: bytes, kB, MB, GB …, a thousand each.

/// Which way a size may differ from the exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// What a file has: never said to be less.
    Up,
    /// What is allowed or left: never said to be more, so that what is said is there.
    Down,
}

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// `bytes` in the largest unit of which it has at least one, below a hundred with one decimal.
///
/// Of a size rounded up and a smaller one rounded down, the first never looks like the second.
pub fn said(bytes: u64, round: Round) -> String {
    if bytes < 1000 {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    let mut unit = 1000_u64;
    let mut units = UNITS.iter();
    let mut name = units.next();
    loop {
        let tenths = tenths(bytes, unit, round);
        match units.next() {
            // Rounded up to a thousand: one of the next unit.
            Some(next) if tenths >= 10_000 => (unit, name) = (unit.saturating_mul(1000), Some(next)),
            _ => {
                let name = name.copied().unwrap_or_default();
                let (whole, tenth) = (tenths / 10, tenths % 10);
                return if tenth == 0 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") };
            }
        }
    }
}

/// Tenths of `unit`; from a hundred units on only whole ones.
fn tenths(bytes: u64, unit: u64, round: Round) -> u128 {
    let step = if bytes / unit >= 100 { 10 } else { 1 };
    let (tenths, unit) = (u128::from(bytes) * 10, u128::from(unit) * step);
    step * match round {
        Round::Up => tenths.div_ceil(unit),
        Round::Down => tenths / unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_fits() {
        for (bytes, said_up) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (10_485_760, "10.5 MB"),
            (999_999, "1 MB"),
            (150_000_000, "150 MB"),
            (10 << 30, "10.8 GB"),
            (5_000_000_000_000, "5 TB"),
            (u64::MAX, "18.5 EB"),
        ] {
            assert_eq!(said(bytes, Round::Up), said_up, "{bytes}");
        }
        assert_eq!(said(10 << 30, Round::Down), "10.7 GB");
        assert_eq!(said(u64::MAX, Round::Down), "18.4 EB");
    }

    #[test]
    fn a_size_over_a_limit_does_not_look_like_it() {
        for limit in [999, 1000, 10_000_000, 99_999_999, 100_000_000, 10 << 30, (10 << 30) - 1] {
            assert_ne!(said(limit + 1, Round::Up), said(limit, Round::Down), "{limit}");
        }
    }
}
