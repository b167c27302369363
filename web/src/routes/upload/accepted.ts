/** What a file picker offers first: pictures that move, and sound. */
export const ACCEPTED = 'video/*,audio/*,image/gif,.mkv,.mts,.m2ts,.ts,.avi,.mxf,.flac,.caf'
