# What must hold of the plan, with a mocked provider: nothing is asked of AWS.

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

run "media_and_api" {
  command = plan

  assert {
    condition     = aws_cloudfront_cache_policy.media.max_ttl == 300
    error_message = "A deleted clip could be served for more than 300 s."
  }
  assert {
    condition     = aws_cloudfront_cache_policy.media.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_string_behavior == "none"
    error_message = "The signature is part of the cache key."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.http_version == "http2and3"
    error_message = "No HTTP/3."
  }
  assert {
    condition     = alltrue([for behavior in aws_cloudfront_distribution.site.ordered_cache_behavior : length(behavior.function_association) > 0]) && length(aws_cloudfront_distribution.site.default_cache_behavior[0].function_association) == 1
    error_message = "A behaviour is without the edge function."
  }
  assert {
    condition     = length([for behavior in aws_cloudfront_distribution.site.ordered_cache_behavior : behavior if behavior.target_origin_id == "api"]) > 0 && alltrue([for behavior in aws_cloudfront_distribution.site.ordered_cache_behavior : behavior.origin_request_policy_id == local.all_viewer_except_host && length(behavior.function_association) == 1 if behavior.target_origin_id == "api"])
    error_message = "What the edge function tells the API (the origin's secret, the viewer's address) does not reach it."
  }
  assert {
    condition     = length(file("edge/edge.js")) <= 10240 && aws_cloudfront_function.edge.runtime == "cloudfront-js-2.0"
    error_message = "The edge function is beyond CloudFront's limits."
  }
}

run "no_gpu_by_default" {
  command = plan

  assert {
    condition     = length(aws_batch_job_queue.gpu) == 0 && length(aws_batch_compute_environment.gpu) == 0
    error_message = "GPU machines are off by default."
  }
}

run "gpu_comes_down_to_zero" {
  command = plan
  variables {
    gpu = true
  }

  assert {
    condition     = alltrue([for environment in aws_batch_compute_environment.gpu : environment.compute_resources[0].min_vcpus == 0])
    error_message = "Machines would stay."
  }
}

run "the_transcoder_reads_no_accounts" {
  command = plan

  assert {
    condition     = length([for prefix in local.access["transcoder"].read : prefix if startswith(prefix, "accounts") || prefix == "*"]) == 0
    error_message = "The transcoder may read accounts."
  }

  assert {
    condition     = join(" ", [for who, may in local.access : who if contains(may.write, "accounts/*") || contains(may.write, "accounts/users/*")]) == "api"
    error_message = "Somebody beside the API may write accounts."
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    name              = "Has Spaces"
    bucket            = "a.b"
    transcoder_image  = "clipset-transcoder:latest"
    job_backend       = "magic"
    signature_seconds = 5
    domain            = "clips.example.org"
    log_days          = 2
  }
  expect_failures = [var.name, var.bucket, var.transcoder_image, var.job_backend, var.signature_seconds, var.certificate_arn, var.log_days]
}
