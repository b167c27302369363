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

run "one_limit_for_a_job_from_one_variable" {
  command = plan
  variables {
    gpu       = true
    job_hours = 5
  }

  assert {
    condition     = alltrue([for definition in [aws_batch_job_definition.fargate, aws_batch_job_definition.gpu[0]] : definition.timeout[0].attempt_duration_seconds == 18000])
    error_message = "A job may take longer than job_hours."
  }
  assert {
    condition     = one([for variable in local.task_environment : variable.value if variable.name == "TRANSCODER_TIME_LIMIT_SECONDS"]) == "18000"
    error_message = "FFmpeg may take longer than its job."
  }
}

run "the_disk_decides_what_may_be_uploaded" {
  command = plan
  variables {
    task_disk_gib = 200
  }

  # 186 of 200 GiB; the API takes files of half of it.
  assert {
    condition     = aws_lambda_function.function["api"].environment[0].variables.TASK_DISK_BYTES == "199715979264"
    error_message = "The API does not know the disk of the tasks."
  }
}

run "whoever_has_to_look_is_told" {
  command = plan

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.alarm : contains([for function in aws_lambda_function.function : function.function_name], alarm.dimensions.Function) if alarm.namespace == local.metrics])
    error_message = "An alarm looks at a metric that no function writes: their Function is the name that Lambda gives them."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.alarm["jobs-not-taken"].threshold == 0
    error_message = "A job that is not taken alarms nobody."
  }
  assert {
    condition     = contains(jsondecode(aws_cloudwatch_event_rule.job["batch"].event_pattern).detail-type, "Batch Job Queue Blocked")
    error_message = "Nobody hears that a queue has no machines."
  }
}

run "mediaconvert_may_probe_and_asks_for_no_disk" {
  command = plan
  variables {
    job_backend = "mediaconvert"
  }

  assert {
    condition     = join(" ", one([for statement in local.events_statements : statement.Resource if contains(statement.Action, "mediaconvert:Probe")])) == "*"
    error_message = "MediaConvert never starts: its Probe has no resource type."
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.function["api"].environment[0].variables), "TASK_DISK_BYTES")
    error_message = "Uploads are held to a disk that MediaConvert does not have."
  }
}

run "deleted_media_are_gone_after_a_day_and_documents_after_a_week" {
  command = plan

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.main.rule : trimprefix(rule.id, "old versions of ") => rule.noncurrent_version_expiration[0].noncurrent_days == 1 && rule.filter[0].prefix == trimprefix(rule.id, "old versions of ") if startswith(rule.id, "old versions of ") } == { "hls/" = true, "progressive/" = true, "images/" = true, "originals/" = true, "jobs/" = true }
    error_message = "What was deleted can be read for longer than a day as an old version."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.main.rule : rule.noncurrent_version_expiration[0].noncurrent_days if rule.id == "old versions"] == [7]
    error_message = "Documents cannot be had back for a week."
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    task_disk_gib     = 201
    job_hours         = 73
    name              = "Has Spaces"
    bucket            = "a.b"
    transcoder_image  = "clipset-transcoder:latest"
    job_backend       = "magic"
    signature_seconds = 5
    domain            = "clips.example.org"
    log_days          = 2
  }
  expect_failures = [var.name, var.bucket, var.transcoder_image, var.job_backend, var.signature_seconds, var.certificate_arn, var.log_days, var.task_disk_gib, var.job_hours]
}
