//! Pictures come out as their source shows them: its shape, its colours, its light.

use std::path::Path;

use clipset_transcoder::plan::Picture;
use serde_json::json;

use crate::{
    made::Made,
    world::{Clip, ffmpeg, ffprobe, settings},
};

/// Good enough that what differs is not the quantiser.
async fn made(clip: &Clip) -> Made {
    let made = clip.produced(&settings(json!({"cpu_crf": 10, "renditions": "single"}))).await;
    assert_eq!(made.plan.picture, Picture::Encode, "{:?}", made.plan.reasons);
    made.is_sound();
    made
}

fn tags(made: &Made) -> String {
    let entries = "stream=color_range,color_space,color_transfer,color_primaries";
    let segment = made.playlists()[0].0.join("segment000.ts");
    ffprobe(&["-select_streams", "v:0", "-show_entries", entries], &segment).lines().next().unwrap().to_owned()
}

/// The colour in the middle of the first picture, by the matrix and range that the stream says it has.
fn colour(file: &Path, matrix: &str, range: &str) -> [u8; 3] {
    let filters = format!("scale=in_color_matrix={matrix}:in_range={range},format=rgb24,crop=1:1:iw/2:ih/2");
    let args = ["-i", file.to_str().unwrap(), "-vf", &filters, "-frames:v", "1", "-f", "rawvideo", "-"];
    ffmpeg(&args, Path::new("/")).stdout[..3].try_into().unwrap()
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 10)
}

#[tokio::test]
async fn shapes_of_all_kinds_match_their_source() {
    let picture = |size: &str| format!("-f lavfi -i testsrc2=s={size}:r=25:d=1.2");
    for (name, source, size) in [
        ("odd.mkv", format!("{} -pix_fmt yuv420p -c:v ffv1", picture("853x481")), "852,480"),
        ("tall.mp4", format!("{} -pix_fmt yuv444p -c:v libx264 -preset ultrafast", picture("586x1266")), "586,1266"),
        (
            "wide.mp4",
            format!("{} -vf setsar=4/3 -pix_fmt yuv420p -c:v libx264 -preset ultrafast", picture("360x270")),
            "480,270",
        ),
        ("ten.mov", format!("{} -pix_fmt yuv422p10le -c:v prores_ks", picture("480x270")), "480,270"),
        (
            "full.mp4",
            format!("{} -vf scale=out_range=full -pix_fmt yuvj422p -c:v libx264 -preset ultrafast", picture("480x270")),
            "480,270",
        ),
        (
            "web.webm",
            format!("{} -pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 3M", picture("480x270")),
            "480,270",
        ),
        (
            "av1.mkv",
            format!("{} -pix_fmt yuv420p10le -c:v libaom-av1 -cpu-used 8 -crf 20 -frames:v 8", picture("320x180")),
            "320,180",
        ),
    ] {
        let clip = Clip::made(name, &source);
        let made = made(&clip).await;
        assert_eq!(made.size(), size, "{name}");
        let ssim = made.least_ssim(&clip.file);
        assert!(ssim > 0.95, "{name}: {ssim}");
    }
}

#[tokio::test]
async fn every_turn_and_flip_of_a_phone_is_baked_in() {
    let clip = Clip::of("a.mp4", "320x180", "10", 1.0, "-c:v libx264 -preset ultrafast -c:a aac");
    let bytes = std::fs::read(&clip.file).unwrap();
    // The matrix of the track header of the picture (ISO/IEC 14496-12 §8.3.2), 16.16 fixed point.
    let at = bytes.windows(4).position(|window| window == b"tkhd").unwrap() + 44;
    for (name, a, b, c, d, size) in [
        ("quarter.mp4", 0, 1, -1, 0, "180,320"),
        ("half.mp4", -1, 0, 0, -1, "320,180"),
        ("three-quarters.mp4", 0, -1, 1, 0, "180,320"),
        ("mirrored.mp4", -1, 0, 0, 1, "320,180"),
        ("upside-down.mp4", 1, 0, 0, -1, "320,180"),
        ("transposed.mp4", 0, 1, 1, 0, "180,320"),
    ] {
        let mut turned = bytes.clone();
        for (place, value) in [(0, a), (4, b), (12, c), (16, d)] {
            turned[at + place..at + place + 4].copy_from_slice(&(value * 65_536_i32).to_be_bytes());
        }
        let file = clip.folder.path().join(name);
        std::fs::write(&file, turned).unwrap();
        let clip = Clip { folder: tempfile::tempdir().unwrap(), file };
        let made = made(&clip).await;
        assert!(made.plan.reasons[0].contains("rotated or flipped"), "{name}: {:?}", made.plan.reasons);
        made.is_sound();
        assert_eq!(made.size(), size, "{name}");
        let ssim = made.least_ssim(&clip.file);
        assert!(ssim > 0.95, "{name}: {ssim}");
        let data = ffprobe(&["-show_entries", "stream_side_data=rotation"], &made.root.join("segment000.ts"));
        assert_eq!(data.trim(), "", "{name}");
    }
}

#[tokio::test]
async fn fields_become_whole_pictures() {
    let fields = "-vf interlace -flags +ildct+ilme -c:v mpeg2video -q:v 2";
    let clip = Clip::made("a.ts", &format!("-f lavfi -i testsrc2=s=320x180:r=50:d=2 -pix_fmt yuv420p {fields}"));
    let made = made(&clip).await;
    assert!(made.plan.preparation.deinterlace, "{:?}", made.plan.reasons);
    assert!((made.plan.frame_rate - 25.0).abs() < 1e-9 && made.pictures().len() == 50);
    let combed = |file: &Path| {
        let args = ["-v", "info", "-i", file.to_str().unwrap(), "-vf", "idet", "-f", "null", "-"];
        let output = ffmpeg(&args, Path::new("/"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().rfind(|line| line.contains("Multi frame detection")).unwrap().to_owned();
        let fields = |name: &str| -> u32 {
            line.split_once(name).unwrap().1.split_whitespace().next().unwrap().parse().unwrap()
        };
        fields("TFF:") + fields("BFF:")
    };
    assert!(combed(&clip.file) > 40, "the source is interlaced");
    assert!(combed(&made.master()) < 5);
}

#[tokio::test]
async fn a_stream_says_what_its_colours_are_and_they_are_the_sources() {
    let red = [255, 0, 0];
    for (name, source, matrix, said) in [
        // FFmpeg makes BT.601 of a colour unless it is told otherwise.
        (
            "sd.mkv",
            "-f lavfi -i color=red:s=320x180:r=25:d=0.4 -pix_fmt yuv420p -c:v ffv1",
            "bt601",
            "tv,smpte170m,smpte170m,smpte170m",
        ),
        (
            "tagged.mp4",
            "-f lavfi -i color=red:s=320x180:r=25:d=0.4 -vf scale=out_color_matrix=bt709,format=yuv444p,\
             setparams=colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1 -c:v libx264",
            "bt709",
            "tv,bt709,iec61966-2-1,bt709",
        ),
        ("a.gif", "-f lavfi -i color=red:s=320x180:r=10:d=0.5", "bt709", "tv,bt709,bt709,bt709"),
        (
            "full.mp4",
            "-f lavfi -i color=red:s=320x180:r=25:d=0.4 -vf scale=out_range=full,format=yuvj444p -c:v libx264",
            "bt601",
            "tv,smpte170m,smpte170m,smpte170m",
        ),
    ] {
        let clip = Clip::made(name, source);
        let made = made(&clip).await;
        assert_eq!(tags(&made), said, "{name}");
        let found = colour(&made.master(), matrix, "limited");
        assert!(near(found, red), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn lower_sizes_of_an_untagged_hd_source_keep_its_matrix() {
    let clip = Clip::made(
        "a.mkv",
        "-f lavfi -i color=red:s=1280x720:r=25:d=0.2 -vf scale=out_color_matrix=bt709 -pix_fmt yuv420p -c:v ffv1",
    );
    let made = clip.produced(&settings(json!({"cpu_crf": 10}))).await;
    assert_eq!(made.produced.renditions.len(), 3);
    for (folder, _) in made.playlists() {
        let segment = folder.join("segment000.ts");
        let said = ffprobe(&["-select_streams", "v:0", "-show_entries", "stream=color_space"], &segment);
        assert_eq!(said.lines().next(), Some("bt709"));
        let found = colour(&segment, "bt709", "limited");
        assert!(near(found, [255, 0, 0]), "{found:?}");
    }
}

#[tokio::test]
async fn light_of_a_high_dynamic_range_is_brought_down_in_order() {
    // Luma codes of ten bits: black, and 20, 100, 203 and 1,000 cd/m² (ITU-R BT.2100; HLG's own for the last).
    for (transfer, codes) in [("smpte2084", [64, 395, 509, 573, 723]), ("arib-std-b67", [64, 296, 520, 704, 940])] {
        let mut lumas = Vec::new();
        for code in codes {
            let clip = Clip::made(
                "a.mp4",
                &format!(
                    "-f lavfi -i color=black:s=320x180:r=5:d=2 -vf format=yuv420p10le,geq=lum={code}:cb=512:cr=512,\
                     setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer} \
                     -c:v libx264 -preset ultrafast -qp 1"
                ),
            );
            let made = made(&clip).await;
            assert_eq!(made.plan.preparation.tone_map.as_deref(), Some(transfer));
            assert_eq!(tags(&made), "tv,bt709,bt709,bt709");
            let [red, green, blue] = colour(&made.master(), "bt709", "limited");
            assert!(red.abs_diff(green) <= 2 && green.abs_diff(blue) <= 2, "grey stays grey");
            lumas.push(green);
        }
        assert!(lumas[0] <= 4, "black stays black: {lumas:?}");
        assert!(lumas.is_sorted() && lumas.windows(2).all(|pair| pair[1] - pair[0] >= 8), "{transfer}: {lumas:?}");
        // A white wall is neither grey nor burnt out.
        assert!((120..=235).contains(&lumas[3]), "{transfer}: {lumas:?}");
    }
}
