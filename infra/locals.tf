data "aws_caller_identity" "me" {}

locals {
  # The pages' whole policy: the packaged pages hold none, and of two a browser takes the stricter of each. The same as
  # web/build/csp.ts writes into the page on one machine, with the bucket's own address for uploads.
  pages_policy = join("; ", [
    "default-src 'self'",
    join(" ", concat(["style-src 'self'"], compact(split("\n", file("${path.module}/../web/style-hashes.txt"))))),
    "media-src 'self' blob:",
    "worker-src 'self'",
    "connect-src 'self' https://${aws_s3_bucket.main.bucket_regional_domain_name} https://s3.${var.region}.amazonaws.com",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ])

  bucket        = coalesce(var.bucket, "${var.name}-${data.aws_caller_identity.me.account_id}")
  edge_prefixes = ["hls", "progressive", "images"]
  # What is kept for a day and not for a week when it was overwritten or deleted.
  passing_versions = concat([for prefix in local.edge_prefixes : "${prefix}/"], ["originals/", "jobs/"])
  secrets_path     = "/${var.name}"
  address          = "https://${coalesce(var.domain, aws_cloudfront_distribution.site.domain_name)}"
  metrics          = "Clipset/${var.name}"

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
