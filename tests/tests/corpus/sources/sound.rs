//! What files have in their sound, and files that have nothing else.

use super::{H264, sources};
use crate::source::{Expected, Source, made, video};

fn with(file: &'static str, sound: &str) -> Source {
    video(file, format!("{H264} {sound}"))
}

const LEFT_ALONE: &str = "pan=mono|c0=c0";

/// A tone without beeps comes first; the second track, the default one, has them.
const ANOTHER: &str = "-f lavfi -i sine=300:r=48000:d=6";
const SECOND_IS_DEFAULT: &str = "-map 1:v -map 0:a -map 1:a -c:v copy -c:a aac -ac 2 -disposition:a:0 0 \
    -disposition:a:1 default";

sources! {
    no_sound_stays_none = made("mute.mp4", format!("-f lavfi -i testsrc2=s=426x240:r=25:d=6 -pix_fmt yuv420p {H264}")).silent();
    no_sound_stays_none_when_encoded = made("mute.webm", "-f lavfi -i testsrc2=s=426x240:r=25:d=6 -pix_fmt yuv420p \
        -c:v libvpx -deadline realtime -cpu-used 8 -b:v 2M").encoded("vp8").silent();
    mono = with("mono.mp4", "-c:a aac").heard_through(LEFT_ALONE).heard_as(1, 48_000);
    mono_that_is_encoded = with("mono.mkv", "-c:a libopus").heard_through(LEFT_ALONE).sound_encoded("opus").heard_as(1, 48_000);
    six_channels_of_aac_are_mixed_down = with("cinema.mp4", "-ac 6 -c:a aac").sound_encoded("6 channels").mixed_down();
    six_channels_of_ac3_are_mixed_down = with("cinema.ts", "-ac 6 -c:a ac3").sound_encoded("ac3").mixed_down();
    the_default_of_several_tracks_is_heard = with("two.mp4", "-c:a aac").then(ANOTHER, SECOND_IS_DEFAULT);
    the_default_of_several_tracks_in_matroska = with("two.mkv", "-c:a aac").then(ANOTHER, SECOND_IS_DEFAULT);
    sound_of_44_100_samples = with("cd.mp4", "-ar 44100 -c:a aac").heard_as(2, 44_100);
    sound_of_44_100_samples_that_is_encoded = with("cd.mkv", "-ar 44100 -c:a flac").sound_encoded("flac").heard_as(2, 44_100);
    sound_of_96_000_samples = with("studio.mkv", "-ar 96000 -c:a flac").sound_encoded("flac");
    sound_of_22_050_samples = video("old.avi", "-c:v mpeg4 -q:v 2 -ar 22050 -c:a libmp3lame").encoded("mpeg4");
    opus = with("opus.mkv", "-c:a libopus").sound_encoded("opus");
    vorbis = with("vorbis.mkv", "-c:a libvorbis").sound_encoded("vorbis");
    ac3 = with("ac3.mp4", "-c:a ac3").sound_encoded("ac3");
    eac3 = with("eac3.mp4", "-c:a eac3").sound_encoded("eac3");
    pcm = with("pcm.mov", "-c:a pcm_s24le").sound_encoded("pcm_s24le");
    mp3 = with("mp3.mp4", "-c:a libmp3lame").sound_encoded("mp3");
    alac = with("alac.mov", "-c:a alac").sound_encoded("alac");
    sound_that_starts_late = with("late.mp4", "-af atrim=start=0.6 -c:a aac").sound_encoded("starts late");
    sound_that_starts_late_beside_an_encoded_picture =
        video("late.mkv", "-c:v mpeg4 -q:v 2 -af atrim=start=0.6 -c:a libmp3lame").encoded("mpeg4");
    a_picture_that_starts_late = with("early.mkv", "-vf trim=start=0.52 -fps_mode passthrough -c:a aac")
        .lasts(5.48).not_compared();
    a_picture_that_starts_much_later = with("early.mp4", "-vf trim=start=2.2 -fps_mode passthrough -c:a aac")
        .flashing(1).not_compared().encoded("more than a second after the sound");
    sound_that_is_longer_than_the_picture = with("long.mp4", "-c:a aac").filtered("trim=end=3").flashing(1).lasts(6.0)
        .encoded("the sound goes on after the picture");
    sound_that_is_shorter_than_the_picture = with("short.mp4", "-c:a aac").heard_through("atrim=end=3").flashing(0);
    sound_alone = made("memo.wav", "-f lavfi -i sine=440:r=48000:d=6 -ac 1 -c:a pcm_s16le").is(Expected::Still("a plain one"))
        .shown_as(1280, 720).at("5", 5.0).heard_as(1, 48_000).not_compared();
    sound_alone_with_a_cover = made("song.mp3", "-f lavfi -i sine=440:r=44100:d=6 -f lavfi -i testsrc2=s=400x400:r=1:d=1 \
        -map 0 -map 1 -ac 2 -c:a libmp3lame -c:v mjpeg -disposition:v attached_pic -id3v2_version 3")
        .is(Expected::Still("its cover")).shown_as(400, 400).at("5", 5.0).heard_as(2, 44_100).not_compared();
    sound_alone_in_mp4_with_a_cover = made("song.m4a", "-f lavfi -i sine=440:r=44100:d=6 -f lavfi -i testsrc2=s=300x300:r=1:d=1 \
        -map 0 -map 1 -ac 2 -c:a aac -c:v png -disposition:v attached_pic")
        .is(Expected::Still("its cover")).shown_as(300, 300).at("5", 5.0).heard_as(2, 44_100).not_compared();
    sound_alone_in_ogg = made("podcast.ogg", "-f lavfi -i sine=440:r=48000:d=6 -ac 2 -c:a libopus")
        .is(Expected::Still("a plain one")).shown_as(1280, 720).at("5", 5.0).not_compared();
}
