data "aws_caller_identity" "me" {}

locals {
  bucket        = coalesce(var.bucket, "${var.name}-${data.aws_caller_identity.me.account_id}")
  edge_prefixes = ["hls", "progressive", "images"]
  secrets_path  = "/${var.name}"
  address       = "https://${coalesce(var.domain, aws_cloudfront_distribution.site.domain_name)}"
  metrics       = "Clipset/${var.name}"

  # Where CloudFront finds the API. In a local of its own, for an emulator has it elsewhere.
  api_origin = {
    domain   = replace(aws_apigatewayv2_api.api.api_endpoint, "https://", "")
    path     = ""
    port     = 80
    protocol = "https-only"
  }

  # What every function and task is told of the bucket. The regional endpoint is the one that needs no redirect.
  bucket_environment = {
    BUCKET              = aws_s3_bucket.main.id
    HLS_URL_TTL_SECONDS = tostring(var.signature_seconds)
  }

  # Beside it, for tests against other endpoints than AWS's.
  more_environment = {}
}
