//! What phones, tablets and screen recorders write: turned, trimmed, bright, at any rate.

use super::{H264, sources};
use crate::{bytes, source::video};

const HEVC_10: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -c:a aac -color_primaries bt2020 \
    -colorspace bt2020nc -x265-params log-level=error";

fn phone() -> crate::source::Source {
    video("phone.mp4", format!("{H264} -c:a aac"))
}

fn pq_codecs() -> String {
    format!(
        "{HEVC_10}:colorprim=bt2020:colormatrix=bt2020nc:transfer=smpte2084:hdr10=1:max-cll=1000,400:\
         master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50) -color_trc smpte2084"
    )
}

fn hlg_codecs() -> String {
    format!("{HEVC_10}:colorprim=bt2020:colormatrix=bt2020nc:transfer=arib-std-b67 -color_trc arib-std-b67")
}

sources! {
    a_clip_as_phones_write_it_is_repackaged = phone();
    a_clip_held_upright = phone().operated(bytes::turn_right).encoded("rotated or flipped").shown_as(240, 426);
    a_clip_held_upside_down = phone().operated(bytes::turn_over).encoded("rotated or flipped");
    a_clip_held_upright_the_other_way = phone().operated(bytes::turn_left).encoded("rotated or flipped").shown_as(240, 426);
    a_clip_flipped_left_to_right = phone().operated(bytes::flip_horizontally).encoded("rotated or flipped");
    a_clip_flipped_upside_down = phone().operated(bytes::flip_vertically).encoded("rotated or flipped");
    a_large_clip_held_upright_gets_a_portrait_ladder = phone().of_size("854x480").operated(bytes::turn_right)
        .encoded("rotated or flipped").shown_as(480, 854).renditions(2);
    a_portrait_clip_without_a_rotation_is_repackaged = phone().of_size("406x720").renditions(2);
    a_clip_trimmed_by_an_edit_list = phone().then("-ss 0.52", "-c copy").encoded("trimmed").lasts(5.48);
    a_screenshot_size_of_a_phone = phone().of_size("390x844").renditions(2);
    hdr10 = video("hdr10.mp4", pq_codecs()).encoded("high dynamic range").tone_mapped();
    hybrid_log_gamma = video("hlg.mp4", hlg_codecs()).encoded("high dynamic range").tone_mapped();
    dolby_vision_8_4 = video("dolby.mp4", hlg_codecs()).operated(bytes::dolby_vision)
        .encoded("high dynamic range").tone_mapped();
    hevc_of_eight_bits = video("hevc.mov", "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error -c:a aac")
        .encoded("hevc, not H.264");
    sixty_pictures_a_second_are_kept = video("fast.mp4", format!("{H264} -g 120 -c:a aac")).at("60", 60.0);
    slow_motion_of_120_pictures_a_second = video("slow.mp4", format!("{H264} -c:a aac")).at("120", 60.0)
        .encoded("more than 60 pictures");
    slow_motion_of_240_pictures_a_second = video("slow.mov", format!("{H264} -c:a aac")).at("240", 60.0)
        .encoded("more than 60 pictures");
    a_screen_recording_of_a_varying_rate = video("screen.mp4",
        "-fps_mode vfr -c:v libx264 -preset ultrafast -crf 18 -g 999 -c:a aac").at("30", 30.0)
        .lasting(8).filtered("select=between(mod(n\\,30)\\,0\\,4)+eq(mod(n\\,7)\\,0)").encoded("key frames");
    a_screen_recording_in_matroska = video("screen.mkv",
        "-fps_mode vfr -c:v libx264 -preset ultrafast -crf 18 -g 999 -c:a libopus").at("60", 60.0)
        .lasting(8).filtered("select=between(mod(n\\,60)\\,0\\,9)+eq(mod(n\\,3)\\,0)").encoded("key frames");
    a_rate_of_29_97 = video("ntsc.mp4", format!("{H264} -c:a aac")).at("30000/1001", 29.97);
    a_rate_of_23_976_with_far_key_frames = video("film.mp4", "-c:v libx264 -preset ultrafast -crf 18 -g 500 -c:a aac")
        .at("24000/1001", 23.976).lasting(8).encoded("key frames");
}
