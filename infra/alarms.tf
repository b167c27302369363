# When somebody has to look, and one page to look at.

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:The messages hold names of alarms and figures; the key of AWS for topics cannot be used by CloudWatch.
  name = "${var.name}-alarms"
}

resource "aws_sns_topic" "bill" {
  #checkov:skip=CKV_AWS_26:As above; the bill's metric stands in us-east-1 alone.
  provider = aws.us_east_1
  name     = "${var.name}-bill"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_sns_topic_subscription" "bill" {
  count    = var.alarm_email == null ? 0 : 1
  provider = aws.us_east_1

  topic_arn = aws_sns_topic.bill.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# Our own metrics are of a Function, by the name that Lambda gives it.
locals {
  # A review that fails each time comes every 5 minutes and is tried 3 times: more than 3 it would never be.
  errors_allowed = { for name in keys(local.functions) : name => name == "events" ? 1 : 3 }

  alarms = merge(
    {
      api-5xx = {
        says       = "The API answered 5xx more than 5 times in 5 minutes", namespace = "AWS/ApiGateway", metric = "5xx"
        dimensions = { ApiId = aws_apigatewayv2_api.api.id }, statistic = "Sum", above = 5, seconds = 300
      }
      failed-jobs = {
        says       = "A clip could not be converted", namespace = local.metrics, metric = "JobsFailed"
        dimensions = { Function = "${var.name}-events" }, statistic = "Sum", above = 0, seconds = 300
      }
      jobs-not-taken = {
        says       = "${var.job_backend == "batch" ? "AWS Batch" : "MediaConvert"} did not take a job: see the log of the events function", namespace = local.metrics, metric = "JobsNotTaken"
        dimensions = { Function = "${var.name}-events" }, statistic = "Sum", above = 0, seconds = 300
      }
      queue-age = {
        says       = "A clip has waited for more than 30 minutes", namespace = local.metrics, metric = "QueueAge"
        dimensions = { Function = "${var.name}-events" }, statistic = "Maximum", above = 1800, seconds = 300
      }
    },
    {
      for name in keys(local.functions) : "errors-${name}" => {
        says       = "The function ${name} failed more than ${local.errors_allowed[name]} times in 5 minutes", namespace = "AWS/Lambda", metric = "Errors"
        dimensions = { FunctionName = "${var.name}-${name}" }, statistic = "Sum", above = local.errors_allowed[name], seconds = 300
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

# CloudFront's metrics and the bill stand in us-east-1.
resource "aws_cloudwatch_metric_alarm" "edge_5xx" {
  provider = aws.us_east_1

  alarm_name          = "${var.name}-edge-5xx"
  alarm_description   = "More than 1 % of CloudFront's answers were 5xx"
  namespace           = "AWS/CloudFront"
  metric_name         = "5xxErrorRate"
  dimensions          = { DistributionId = aws_cloudfront_distribution.site.id, Region = "Global" }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.bill.arn]
}

# Needs "Receive CloudWatch billing alerts" in the account's billing preferences.
resource "aws_cloudwatch_metric_alarm" "bill" {
  provider = aws.us_east_1

  alarm_name          = "${var.name}-bill"
  alarm_description   = "This month has cost more than ${var.monthly_dollars} dollars"
  namespace           = "AWS/Billing"
  metric_name         = "EstimatedCharges"
  dimensions          = { Currency = "USD" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.monthly_dollars
  period              = 21600
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.bill.arn]
}

locals {
  widgets = [
    ["Latency of the functions, ms", [for name in ["stream-info", "sign-manifest", "api"] : [local.metrics, "Latency", "Function", "${var.name}-${name}", { stat = "p95" }]]],
    ["Cache hits and signed segments", [for metric in ["CacheHits", "SignedSegments"] : [local.metrics, metric, "Function", "${var.name}-sign-manifest", { stat = "Sum" }]]],
    ["Jobs", [for metric in ["JobsStarted", "JobsPublished", "JobsFailed", "JobsNotTaken"] : [local.metrics, metric, "Function", "${var.name}-events", { stat = "Sum" }]]],
    ["Oldest waiting job, s", [[local.metrics, "QueueAge", "Function", "${var.name}-events", { stat = "Maximum" }]]],
    ["Errors of the functions", [for name in keys(local.functions) : ["AWS/Lambda", "Errors", "FunctionName", "${var.name}-${name}", { stat = "Sum" }]]],
    ["API requests", [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.api.id, { stat = "Sum" }]]],
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        width  = 12
        height = 6
        x      = (index % 2) * 12
        y      = floor(index / 2) * 6
        properties = {
          title   = widget[0]
          metrics = widget[1]
          region  = var.region
          view    = "timeSeries"
          period  = 300
        }
      }
    ]
  })
}
