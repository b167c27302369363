//! What cameras, editors and archives have in their pictures.

use serde_json::json;

use super::{H264, sources};
use crate::source::{made, video};

/// Fields of two moments in each picture.
const TOP_FIRST: &str = "tinterlace=mode=interleave_top";
const BOTTOM_FIRST: &str = "tinterlace=mode=interleave_bottom";
const X264_FAST: &str = "-c:v libx264 -preset ultrafast -crf 18 -g 50";

sources! {
    open_gops = video("open.mp4", "-c:v libx264 -preset veryfast -crf 18 -bf 3 \
        -x264-params open-gop=1:keyint=25:min-keyint=25:scenecut=0 -c:a aac").encoded("open");
    h264_of_ten_bits = video("ten.mp4", format!("{X264_FAST} -pix_fmt yuv420p10le -c:a aac")).encoded("yuv420p10le");
    h264_with_all_lines_of_colour = video("422.mp4", format!("{X264_FAST} -pix_fmt yuv422p -c:a aac")).encoded("yuv422p");
    prores_of_ten_bits = video("prores.mov", "-c:v prores_ks -profile:v 2 -pix_fmt yuv422p10le -c:a pcm_s16le")
        .encoded("prores");
    the_full_range_is_kept_by_a_copy = video("full.mp4", format!("{H264} -pix_fmt yuvj420p -c:a aac"));
    the_full_range_of_motion_jpeg = video("camera.avi", "-c:v mjpeg -q:v 3 -pix_fmt yuvj422p -c:a pcm_s16le")
        .encoded("mjpeg");
    pixels_that_are_not_square = video("wide.mp4", format!("{H264} -c:a aac")).of_size("320x240")
        .filtered("setsar=4/3").encoded("not square").shown_as(426, 240);
    pixels_that_are_higher_than_wide = video("dv.avi", "-c:v mpeg4 -q:v 2 -c:a pcm_s16le").of_size("352x240")
        .filtered("setsar=10/11").encoded("mpeg4").shown_as(320, 240);
    interlaced_with_the_top_field_first = video("tff.mp4", format!("{X264_FAST} -flags +ildct+ilme -top 1 -c:a aac"))
        .at("50", 25.0).filtered(TOP_FIRST).encoded("interlaced").compared_through("bwdif=mode=send_frame");
    interlaced_with_the_bottom_field_first = video("bff.mpg", "-c:v mpeg2video -q:v 2 -flags +ildct+ilme -top 0 -c:a mp2")
        .at("50", 25.0).filtered(BOTTOM_FIRST).encoded("mpeg2video").compared_through("bwdif=mode=send_frame");
    interlaced_and_anamorphic = video("pal.ts", "-c:v mpeg2video -q:v 2 -flags +ildct+ilme -top 1 -c:a ac3")
        .of_size("352x288").at("50", 25.0).filtered(&format!("{TOP_FIRST},setsar=16/11")).encoded("mpeg2video")
        .shown_as(512, 288).compared_through("bwdif=mode=send_frame");
    a_size_of_odd_numbers = video("odd.mp4", format!("{X264_FAST} -pix_fmt yuv444p -c:a aac")).of_size("853x481")
        .encoded("yuv444p").shown_as(852, 480).renditions(2);
    a_size_of_odd_numbers_in_vp9 = video("odd.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 2M -c:a libopus")
        .of_size("427x241").encoded("vp9").shown_as(426, 240);
    a_ladder_of_three = video("hd.mp4", format!("{H264} -c:a aac")).of_size("1280x720").lasting(5).renditions(3);
    hd_in_another_codec_with_its_ladder = video("hd.mkv", "-c:v mpeg4 -q:v 2 -c:a aac -colorspace bt709 \
        -color_primaries bt709 -color_trc bt709").of_size("1280x720").lasting(3).encoded("mpeg4").renditions(3);
    four_k_is_brought_down_to_the_setting = made("4k.mp4", format!("-f lavfi -i testsrc2=s=3840x2160:r=10:d=0.5 \
        -pix_fmt yuv420p -colorspace bt709 {H264}")).at("10", 10.0).encoded("1080 lines and the picture has 2160")
        .shown_as(1920, 1080).renditions(4).silent().lasts(0.5);
    four_k_is_kept_where_the_setting_allows_it = made("4k.mp4", format!("-f lavfi -i testsrc2=s=3840x2160:r=10:d=0.5 \
        -pix_fmt yuv420p -colorspace bt709 {H264}")).at("10", 10.0).with_settings(json!({"max_resolution": "4k"}))
        .shown_as(3840, 2160).renditions(6).silent().lasts(0.5);
    eight_k_is_brought_down = made("8k.mov", "-f lavfi -i testsrc2=s=7680x4320:r=5:d=0.4 -pix_fmt yuvj420p \
        -c:v mjpeg -q:v 3 -colorspace bt709").at("5", 5.0).encoded("mjpeg").shown_as(1920, 1080).renditions(4).silent()
        .lasts(0.4).not_compared();
    one_rendition_where_the_settings_want_one = video("hd.mp4", format!("{H264} -c:a aac")).of_size("854x480")
        .with_settings(json!({"renditions": "single"}));
    a_very_small_picture = video("small.mp4", format!("{H264} -c:a aac")).of_size("64x48");
    five_pictures_a_second = video("few.mp4", format!("{H264} -g 10 -c:a aac")).at("10", 10.0);
    more_colours_than_bt709 = video("wide.mp4", format!("{X264_FAST} -pix_fmt yuv420p10le -colorspace bt2020nc \
        -color_primaries bt2020 -color_trc bt2020-10 -c:a aac")).encoded("yuv420p10le").not_compared();
    rgb_in_matroska = video("rgb.mkv", "-c:v libx264rgb -preset ultrafast -qp 0 -pix_fmt rgb24 -c:a flac")
        .encoded("not 8-bit 4:2:0");
}
