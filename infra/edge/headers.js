// On the way back from media: nothing under a media address ever changes. CloudFront runs this only for answers below 400;
// a refusal gets its no-store from the response headers policy, since it has no Cache-Control of its own. MediaConvert
// stores its segments without one.
function handler(event) {
  const response = event.response;
  if (response.statusCode === 200 || response.statusCode === 206 || response.statusCode === 304) {
    response.headers['cache-control'] = { value: 'public, max-age=31536000, immutable' };
    response.headers['accept-ranges'] = { value: 'bytes' };
  }
  return response;
}
