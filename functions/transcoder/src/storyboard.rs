//! The storyboard: small pictures of the whole clip in a few sprites, and the WebVTT index that says
//! when each is shown (`sprite0.jpg#xywh=…`, Media Fragments URI 1.0 §4.2.2).

/// The index's name beside its sprites.
pub const INDEX: &str = "storyboard.vtt";

/// The most columns and rows of a sprite.
const SIDE: u32 = 10;

/// The most pictures of a storyboard.
const MOST: f64 = 400.0;

/// No two pictures are nearer, seconds.
const NEAREST: f64 = 1.0;

/// The longer side of one picture, pixels.
const LONG_SIDE: u32 = 160;

/// How the small pictures lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Milliseconds from one picture to the next.
    pub interval_ms: u64,
    /// Pictures.
    pub count: u32,
    /// Of one sprite.
    pub columns: u32,
    /// Of one sprite.
    pub rows: u32,
    /// Files.
    pub sprites: u32,
    /// Of one picture, pixels.
    pub width: u32,
    /// Of one picture, pixels.
    pub height: u32,
    duration: f64,
}

impl Layout {
    /// For a clip of `duration` seconds, shown at `width` x `height`.
    pub fn of(duration: f64, (width, height): (u32, u32)) -> Self {
        let interval_ms = ((duration / MOST).max(NEAREST) * 1000.0).ceil() as u64;
        let count = ((duration * 1000.0 / interval_ms as f64).ceil() as u32).max(1);
        let columns = count.min(SIDE);
        let rows = count.div_ceil(columns).min(SIDE);
        let long = f64::from(width.max(height).max(1));
        let side = |pixels: u32| ((f64::from(pixels * LONG_SIDE) / long / 2.0).round() as u32 * 2).max(2);
        Self {
            interval_ms,
            count,
            columns,
            rows,
            sprites: count.div_ceil(columns * rows),
            width: side(width),
            height: side(height),
            duration,
        }
    }

    /// Pictures of one sprite.
    pub fn per_sprite(&self) -> u32 {
        self.columns * self.rows
    }

    /// The name of sprite `number`.
    pub fn sprite(number: u32) -> String {
        format!("sprite{number}.jpg")
    }

    /// The index as WebVTT, one cue for each picture.
    pub fn index(&self) -> String {
        let mut text = "WEBVTT\n".to_owned();
        for n in 0..self.count {
            let (sprite, place) = (n / self.per_sprite(), n % self.per_sprite());
            let (x, y) = (place % self.columns * self.width, place / self.columns * self.height);
            let begin = u64::from(n) * self.interval_ms;
            let end = (begin + self.interval_ms).min((self.duration * 1000.0).ceil() as u64).max(begin + 1);
            let (from, to) = (clock(begin), clock(end));
            let (name, width, height) = (Self::sprite(sprite), self.width, self.height);
            text.push_str(&format!("\n{from} --> {to}\n{name}#xywh={x},{y},{width},{height}\n"));
        }
        text
    }
}

/// `HH:MM:SS.mmm`.
fn clock(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_one_sprite_with_a_picture_a_second() {
        let layout = Layout::of(60.5, (1920, 1080));
        assert_eq!((layout.interval_ms, layout.count, layout.sprites), (1000, 61, 1));
        assert_eq!((layout.columns, layout.rows, layout.width, layout.height), (10, 7, 160, 90));
        let index = layout.index();
        assert!(index.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite0.jpg#xywh=0,0,160,90\n"), "{index}");
        assert!(index.ends_with("\n00:01:00.000 --> 00:01:00.500\nsprite0.jpg#xywh=0,540,160,90\n"), "{index}");
        assert_eq!(index.matches("-->").count(), 61);
    }

    #[test]
    fn half_a_day_is_four_sprites() {
        let layout = Layout::of(43_200.0, (1080, 1920));
        assert_eq!((layout.interval_ms, layout.count, layout.sprites), (108_000, 400, 4));
        assert_eq!((layout.width, layout.height), (90, 160));
        assert!(layout.index().contains("\n11:58:12.000 --> 12:00:00.000\nsprite3.jpg#xywh=810,1440,90,160\n"));
    }

    #[test]
    fn one_picture_is_a_storyboard_too() {
        let layout = Layout::of(0.04, (4000, 20));
        assert_eq!((layout.count, layout.columns, layout.rows, layout.sprites), (1, 1, 1, 1));
        assert_eq!(layout.index(), "WEBVTT\n\n00:00:00.000 --> 00:00:00.040\nsprite0.jpg#xywh=0,0,160,2\n");
    }
}
