# What may be switched on or off, and what it is then, with a mocked provider.

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

  override_during = plan
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn                       = "arn:aws:acm:us-east-1:123456789012:certificate/made-here"
      domain_validation_options = [{ domain_name = "clips.example.org", resource_record_name = "_a.clips.example.org", resource_record_type = "CNAME", resource_record_value = "_b.acm-validations.aws" }]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/made-here" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/clipset/a" }
  }
}

variables {
  packages         = "tests/packages"
  pages            = null
  transcoder_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/clipset-transcoder:0.1.0"
}

override_resource {
  target          = aws_batch_compute_environment.fargate["spot"]
  override_during = plan
  values          = { arn = "arn:aws:batch:us-east-1:123456789012:compute-environment/spot" }
}

override_resource {
  target          = aws_batch_compute_environment.fargate["demand"]
  override_during = plan
  values          = { arn = "arn:aws:batch:us-east-1:123456789012:compute-environment/demand" }
}

override_resource {
  target          = aws_batch_job_queue.spot
  override_during = plan
  values          = { arn = "arn:aws:batch:us-east-1:123456789012:job-queue/spot" }
}

override_resource {
  target          = aws_batch_job_queue.fargate
  override_during = plan
  values          = { arn = "arn:aws:batch:us-east-1:123456789012:job-queue/fargate" }
}

override_resource {
  target          = aws_s3_bucket.main
  override_during = plan
  values          = { arn = "arn:aws:s3:::clipset-123456789012" }
}

override_resource {
  target          = aws_batch_job_queue.gpu
  override_during = plan
  values          = { arn = "arn:aws:batch:us-east-1:123456789012:job-queue/gpu" }
}

run "jobs_go_to_spot_and_fall_back" {
  command = plan

  assert {
    condition     = [for order in aws_batch_job_queue.spot[0].compute_environment_order : order.compute_environment] == [aws_batch_compute_environment.fargate["spot"].arn, aws_batch_compute_environment.fargate["demand"].arn]
    error_message = "Spot is not first, or nothing is behind it."
  }
  assert {
    condition     = { for kind, environment in aws_batch_compute_environment.fargate : kind => environment.compute_resources[0].type } == { demand = "FARGATE", spot = "FARGATE_SPOT" }
    error_message = "An environment is of another kind than its name says."
  }
  assert {
    condition     = aws_lambda_function.function["events"].environment[0].variables.BATCH_QUEUE == aws_batch_job_queue.spot[0].arn && aws_lambda_function.function["events"].environment[0].variables.BATCH_FALLBACK_QUEUE == aws_batch_job_queue.fargate.arn
    error_message = "What spot does not begin goes nowhere."
  }
  assert {
    condition     = [for order in aws_batch_job_queue.fargate.compute_environment_order : order.compute_environment] == [aws_batch_compute_environment.fargate["demand"].arn]
    error_message = "The queue that jobs fall back to may take their machines away too."
  }
  assert {
    condition     = contains([for rule in aws_batch_job_definition.fargate.retry_strategy[0].evaluate_on_exit : rule.on_status_reason if rule.action == "RETRY"], "Your Spot Task was interrupted*")
    error_message = "A clip that spot interrupted is lost and not tried again."
  }
  assert {
    condition     = length(aws_batch_job_definition.fargate.retry_strategy[0].evaluate_on_exit) <= 5 && aws_batch_job_definition.fargate.retry_strategy[0].evaluate_on_exit[4].action == "EXIT"
    error_message = "Batch takes five rules, and tries again what none of them names."
  }
}

run "without_spot_jobs_go_to_fargate" {
  command = plan
  variables {
    spot = false
  }

  assert {
    condition     = length(aws_batch_job_queue.spot) == 0 && keys(aws_batch_compute_environment.fargate) == ["demand"]
    error_message = "Spot is there all the same."
  }
  assert {
    condition     = aws_lambda_function.function["events"].environment[0].variables.BATCH_QUEUE == aws_batch_job_queue.fargate.arn && !contains(keys(aws_lambda_function.function["events"].environment[0].variables), "BATCH_FALLBACK_QUEUE")
    error_message = "Jobs go elsewhere than to Fargate."
  }
}

run "gpu_machines_are_before_fargate" {
  command = plan
  variables {
    gpu = true
  }

  assert {
    condition     = aws_lambda_function.function["events"].environment[0].variables.BATCH_QUEUE == aws_batch_job_queue.gpu[0].arn && aws_lambda_function.function["events"].environment[0].variables.BATCH_FALLBACK_QUEUE == aws_batch_job_queue.fargate.arn
    error_message = "GPU machines are not first."
  }
}

run "originals_grow_cheaper_when_they_are_old" {
  command = plan
  variables {
    original_tiering_days = 45
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.main.rule : [rule.filter[0].prefix, one(rule.transition).days, one(rule.transition).storage_class] if rule.id == "originals that grow old"] == [["originals/", 45, "INTELLIGENT_TIERING"]]
    error_message = "Originals stay where they are, or something else moves."
  }
}

run "originals_stay_where_they_are" {
  command = plan
  variables {
    original_tiering_days = null
  }

  assert {
    condition     = !contains([for rule in aws_s3_bucket_lifecycle_configuration.main.rule : rule.id], "originals that grow old")
    error_message = "Originals move all the same."
  }
}

run "nothing_optional_by_default" {
  command = plan

  assert {
    condition     = length(aws_wafv2_web_acl.site) + length(aws_acm_certificate.domain) + length(aws_route53_record.domain) + length(aws_s3_bucket.logs) + length(aws_cloudwatch_log_delivery.site) + length(aws_athena_named_query.views) + length(aws_budgets_budget.month) == 0
    error_message = "Something is there that nobody asked for."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.viewer_certificate[0].cloudfront_default_certificate
    error_message = "CloudFront's own name has another certificate."
  }
}

run "a_domain_wholly_from_here" {
  command = plan
  variables {
    domain = "clips.example.org"
    zone   = "example.org"
  }

  assert {
    condition     = aws_cloudfront_distribution.site.viewer_certificate[0].acm_certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/made-here" && aws_cloudfront_distribution.site.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    error_message = "The distribution does not have the certificate that was made."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.aliases == toset(["clips.example.org"]) && keys(aws_route53_record.domain) == ["A", "AAAA"] && alltrue([for record in aws_route53_record.domain : record.name == "clips.example.org"])
    error_message = "The domain does not lead to the distribution."
  }
  assert {
    condition     = aws_route53_record.proof[0].name == "_a.clips.example.org" && one(aws_route53_record.proof[0].records) == "_b.acm-validations.aws"
    error_message = "The certificate is never given: nobody proves whose the domain is."
  }
}

run "a_certificate_from_elsewhere" {
  command = plan
  variables {
    domain          = "clips.example.org"
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/own"
  }

  assert {
    condition     = aws_cloudfront_distribution.site.viewer_certificate[0].acm_certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/own" && length(aws_route53_record.domain) == 0
    error_message = "The certificate that was named is not used."
  }
}

run "a_zone_that_the_domain_is_not_in" {
  command = plan
  variables {
    domain = "clips.example.org"
    zone   = "ample.org"
  }
  expect_failures = [var.zone]
}

run "a_domain_without_a_certificate" {
  command = plan
  variables {
    domain = "clips.example.org"
  }
  expect_failures = [var.certificate_arn]
}

run "a_web_acl_that_keeps_nothing_of_what_it_sees" {
  command = plan
  variables {
    web_acl = true
  }

  assert {
    condition     = aws_cloudfront_distribution.site.web_acl_id == aws_wafv2_web_acl.site[0].arn && aws_wafv2_web_acl.site[0].scope == "CLOUDFRONT"
    error_message = "The web ACL is not before the distribution."
  }
  assert {
    condition     = !anytrue(concat(aws_wafv2_web_acl.site[0].visibility_config[*].sampled_requests_enabled, [for rule in aws_wafv2_web_acl.site[0].rule : rule.visibility_config[0].sampled_requests_enabled]))
    error_message = "Requests are kept as samples, with signatures and tokens in their queries."
  }
  assert {
    condition     = length([for rule in aws_wafv2_web_acl.site[0].rule : rule if length(rule.statement[0].rate_based_statement) == 1]) == 1
    error_message = "Nobody stops guesses of passwords before the API."
  }
}

run "somebody_is_told_of_money_and_of_throttles" {
  command = plan
  variables {
    alarm_email     = "ada@example.org"
    monthly_dollars = 80
  }

  assert {
    condition     = aws_budgets_budget.month[0].limit_amount == "80" && length(aws_budgets_budget.month[0].notification) == 2 && alltrue([for told in aws_budgets_budget.month[0].notification : told.subscriber_email_addresses == toset(["ada@example.org"])])
    error_message = "The budget tells nobody."
  }
  assert {
    condition     = alltrue([for name in keys(local.functions) : aws_cloudwatch_metric_alarm.alarm["throttles-${name}"].metric_name == "Throttles"]) && aws_cloudwatch_metric_alarm.edge["edge-throttles"].metric_name == "FunctionThrottles"
    error_message = "A function that is throttled alarms nobody."
  }
  # docs/operations/prices.toml counts them.
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarm) + length(aws_cloudwatch_metric_alarm.edge) == tonumber(regex("\nalarms = ([0-9]+)\n", file("../docs/operations/prices.toml"))[0])
    error_message = "The prices count another number of alarms: say it in docs/operations/prices.toml and run infra/costs."
  }
}

run "a_log_that_knows_what_and_not_who" {
  command = plan
  variables {
    access_logs = true
  }

  assert {
    condition     = toset(aws_cloudwatch_log_delivery.site[0].record_fields) == toset(["date", "cs-method", "cs-uri-stem", "sc-status", "sc-bytes", "sc-range-start"])
    error_message = "The log may tell who watched, or hold signatures."
  }
  assert {
    condition     = aws_s3_bucket.logs[0].bucket == "clipset-123456789012-logs" && alltrue([for who, may in local.bucket_statements : !strcontains(jsonencode(may), "-logs")])
    error_message = "The log stands beside the clips, or a function may read it."
  }
  assert {
    condition     = strcontains(aws_athena_named_query.views[0].query, "'^/(hls|progressive)/'") && keys(aws_glue_catalog_table.views) == ["documents", "requests"]
    error_message = "The query of views is missing, or reads more than media."
  }
}
