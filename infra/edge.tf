# The functions of edge/, and the store that they read. Its keys are written by ./infra/secrets and the events function.

resource "aws_cloudfront_key_value_store" "edge" {
  name    = "${var.name}-edge"
  comment = "Signing secrets and tombstones"
}

resource "aws_cloudfront_function" "edge" {
  name                         = "${var.name}-edge"
  comment                      = "Signatures, tombstones, page addresses"
  runtime                      = "cloudfront-js-2.0"
  code                         = file("${path.module}/edge/edge.js")
  key_value_store_associations = [aws_cloudfront_key_value_store.edge.arn]
  publish                      = true
}

resource "aws_cloudfront_function" "headers" {
  name    = "${var.name}-headers"
  comment = "Cache-Control of media"
  runtime = "cloudfront-js-2.0"
  code    = file("${path.module}/edge/headers.js")
  publish = true
}
