//! Containers and codecs, old and new.

use super::{H264, sources};
use crate::source::{Source, made, video};

fn h264_and_aac(file: &'static str, options: &str) -> Source {
    video(file, format!("{H264} -c:a aac {options}"))
}

sources! {
    the_index_at_the_end = h264_and_aac("end.mp4", "");
    the_index_in_front = h264_and_aac("front.mp4", "-movflags +faststart");
    fragmented_mp4 = h264_and_aac("fragments.mp4", "-movflags frag_keyframe+delay_moov+default_base_moof");
    fragmented_mp4_with_a_fragment_per_picture = h264_and_aac("stream.mp4", "-movflags frag_every_frame+delay_moov");
    quicktime = h264_and_aac("clip.mov", "");
    matroska = h264_and_aac("clip.mkv", "");
    matroska_without_an_index = h264_and_aac("live.mkv", "-live 1");
    mpeg_ts = h264_and_aac("clip.ts", "");
    mpeg_ts_of_a_camera = h264_and_aac("clip.m2ts", "");
    flash_video = h264_and_aac("clip.flv", "");
    flash_video_of_old = video("old.flv", "-c:v flv -q:v 2 -ar 44100 -c:a libmp3lame").encoded("flv1").heard_as(2, 44_100);
    webm_with_vp9 = video("clip.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 2M -c:a libopus").encoded("vp9");
    webm_with_vp8 = video("clip.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 2M -c:a libvorbis").encoded("vp8");
    webm_with_av1 = video("clip.webm", "-c:v libsvtav1 -preset 12 -crf 25 -c:a libopus").lasting(4).encoded("av1");
    mp4_with_av1 = video("clip.mp4", "-c:v libsvtav1 -preset 12 -crf 25 -c:a aac").lasting(4).encoded("av1");
    avi_with_motion_jpeg = video("camera.avi", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16le").encoded("mjpeg");
    avi_with_mpeg_4 = video("divx.avi", "-c:v mpeg4 -vtag DIVX -q:v 2 -bf 2 -c:a libmp3lame").encoded("mpeg4");
    avi_with_h264 = h264_and_aac("clip.avi", "-bf 0").encoded("time stamps");
    windows_media = video("clip.wmv", "-c:v wmv2 -q:v 2 -c:a wmav2").encoded("wmv2");
    theora = video("clip.ogv", "-c:v libtheora -q:v 9 -c:a libvorbis").encoded("theora");
    mpeg_1 = video("clip.mpg", "-c:v mpeg1video -q:v 2 -c:a mp2").encoded("mpeg1video");
    mpeg_2_in_a_programme_stream = video("dvd.vob", "-f vob -c:v mpeg2video -q:v 2 -c:a ac3").encoded("mpeg2video");
    a_phone_of_2005 = video("old.3gp", "-c:v h263 -q:v 2 -r 25 -c:a aac").of_size("352x288").encoded("h263");
    mxf = video("tape.mxf", "-c:v mpeg2video -q:v 2 -c:a pcm_s16le").encoded("mpeg2video");
    an_animated_gif = made("cat.gif", "-f lavfi -i testsrc2=s=320x180:r=10:d=4,format=gray").at("10", 10.0)
        .encoded("gif").shown_as(320, 180).silent().lasts(4.0);
    a_bare_h264_stream = made("clip.h264", format!("-f lavfi -i testsrc2=s=426x240:r=25:d=6 -pix_fmt yuv420p {H264}"))
        .encoded("").silent();
}
