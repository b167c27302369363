//! The sources by kind: tables of what each is made of and what must come of it.

mod containers;
mod damaged;
mod hostile;
mod lengths;
mod phones;
mod pictures;
mod sound;

/// One test per source: `name = source;`.
macro_rules! sources {
    ($($(#[$about:meta])* $name:ident = $source:expr;)+) => {
        $(
            $(#[$about])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $source.comes_out_as_expected().await;
            }
        )+
    };
}

pub(crate) use sources;

/// What a phone or a sensible editor writes: it can be repackaged.
pub(crate) const H264: &str = "-c:v libx264 -preset ultrafast -crf 18 -g 50 -bf 2 -sc_threshold 0";
