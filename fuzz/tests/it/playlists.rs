use clipset_core::playlist::{MediaPlaylist, map_uris, resolve, variants_of};
use clipset_fuzz::{cases, mutated_text};
use proptest::prelude::*;

const SEEDS: [&str; 4] = [
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n\
     #EXTINF:4.000000,\nsegment000.ts\n#EXTINF:2.5,title\nsegment001.ts\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000,RESOLUTION=1280x720,FRAME-RATE=30.000,\
     CODECS=\"avc1.64001f,mp4a.40.2\"\n720p/playlist.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=640000\n360p/playlist.m3u8\n",
    "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"720@0\"\n#EXT-X-BYTERANGE:100@20\n#EXTINF:4,\na.m4s\n\
     #EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n#EXT-X-DISCONTINUITY\n#EXTINF:1,\r\nb.m4s\r\n",
    "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"a/playlist.m3u8\"\n#EXT-X-START:TIME-OFFSET=0\n",
];

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_media_playlist_that_is_read_can_be_written_and_read_again(text in mutated_text(&SEEDS)) {
        let Ok(read) = MediaPlaylist::parse(&text) else { return Ok(()) };
        let written = read.to_text(read.target_duration());
        let again = MediaPlaylist::parse(&written);
        prop_assert!(again.is_ok_and(|again| again.segments.len() == read.segments.len()), "{}", written);
    }

    #[test]
    fn signing_touches_no_line_but_those_that_name_something(text in mutated_text(&SEEDS)) {
        let Ok(signed) = map_uris(&text, |uri| Ok(format!("/hls/x/{uri}?md5=m"))) else { return Ok(()) };
        prop_assert_eq!(signed.lines().count(), text.lines().count());
        for (before, after) in text.lines().zip(signed.lines()) {
            if before.starts_with('#') && !before.contains("URI=") {
                prop_assert_eq!(before.trim_end(), after.trim_end());
            }
        }
    }

    #[test]
    fn a_uri_of_a_playlist_never_leads_out_of_its_folder(uri in mutated_text(&["segment000.ts", "720p/playlist.m3u8", "../x"])) {
        if let Ok(path) = resolve("/hls/0/", &uri) {
            prop_assert!(clipset_core::path::is_edge_path(&path) && path.starts_with("/hls/0/"), "{uri:?} is {path:?}");
        }
    }

    #[test]
    fn multivariant_playlists_are_read_or_refused(text in mutated_text(&SEEDS)) {
        let _ = variants_of(&text, &"720p".parse().unwrap());
        let _ = clipset_check::playlist::Playlist::parse(&text);
    }
}
