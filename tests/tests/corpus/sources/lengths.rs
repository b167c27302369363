//! Very short and very long clips.

use super::{H264, sources};
use crate::source::made;

const TINY: &str = "-f lavfi -i testsrc2=s=64x36:r=1:d=60 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -crf 18 -g 4";

sources! {
    one_picture = made("one.mp4", format!("-f lavfi -i testsrc2=s=426x240:r=25:d=0.04 -pix_fmt yuv420p {H264}"))
        .silent().lasts(0.04);
    one_picture_in_another_codec = made("one.mkv", "-f lavfi -i testsrc2=s=426x240:r=25:d=0.04 -c:v ffv1")
        .encoded("ffv1").silent().lasts(0.04);
    a_third_of_a_second = made("blink.mp4", format!("-f lavfi -i testsrc2=s=426x240:r=30:d=0.3 \
        -f lavfi -i sine=440:r=48000:d=0.3 -ac 2 -pix_fmt yuv420p {H264} -c:a aac")).at("30", 30.0).lasts(0.3);
    a_third_of_a_second_in_another_codec = made("blink.avi", "-f lavfi -i testsrc2=s=426x240:r=30:d=0.3 \
        -f lavfi -i sine=440:r=48000:d=0.3 -ac 2 -c:v mpeg4 -q:v 2 -c:a libmp3lame").at("30", 30.0).encoded("mpeg4").lasts(0.3);
    exactly_four_seconds = made("four.mp4", format!("-f lavfi -i testsrc2=s=426x240:r=25:d=4 -pix_fmt yuv420p {H264}"))
        .silent().lasts(4.0);
    one_picture_more_than_four_seconds = made("four.mp4", "-f lavfi -i testsrc2=s=426x240:r=25:d=4.04 -c:v mpeg4 -q:v 2")
        .encoded("mpeg4").silent().lasts(4.04);
    /// Looped without encoding: 900 segments of 4 s. Half a day is a test of the transcoder alone.
    an_hour = made("hour.mp4", TINY).then("-stream_loop 59", "-c copy").at("1", 1.0).shown_as(64, 36).silent()
        .lasts(3_600.0).not_compared();
}
