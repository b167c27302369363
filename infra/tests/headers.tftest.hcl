# What CloudFront says beside the pages. tests/browser/cloud reads this plan and loads the packaged pages behind it, so what
# AWS would name is named here.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  packages         = "tests/packages"
  pages            = null
  transcoder_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/clipset-transcoder:0.1.0"
}

run "pages_policy" {
  command = plan

  override_resource {
    target          = aws_s3_bucket.main
    override_during = plan
    values = {
      id  = "clipset-123456789012"
      arn = "arn:aws:s3:::clipset-123456789012", bucket_regional_domain_name = "clipset-123456789012.s3.us-east-1.amazonaws.com"
    }
  }
  override_resource {
    target          = aws_cloudfront_distribution.site
    override_during = plan
    values          = { domain_name = "d111111abcdef8.cloudfront.net" }
  }
  override_resource {
    target          = aws_cloudfront_response_headers_policy.pages
    override_during = plan
    values          = { id = "pages" }
  }
  override_resource {
    target          = aws_cloudfront_response_headers_policy.media
    override_during = plan
    values          = { id = "media" }
  }
  override_resource {
    target          = aws_cloudfront_function.edge
    override_during = plan
    values          = { arn = "edge.js" }
  }
  override_resource {
    target          = aws_cloudfront_function.headers
    override_during = plan
    values          = { arn = "headers.js" }
  }

  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.pages.security_headers_config[0].content_security_policy[0].content_security_policy, "style-src 'self' 'sha256-")
    error_message = "The player loses its styles."
  }
  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.pages.security_headers_config[0].content_security_policy[0].content_security_policy, "connect-src 'self' https://clipset-123456789012.s3.us-east-1.amazonaws.com")
    error_message = "Pages may not upload to the bucket."
  }
  assert {
    condition     = length(local.pages_policy) <= 1783
    error_message = "CloudFront takes no longer policy (quota of response headers policies)."
  }
}
