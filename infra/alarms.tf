# When somebody has to look, and one page to look at.

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:The messages hold names of alarms and figures; the key of AWS for topics cannot be used by CloudWatch.
  name = "${var.name}-alarms"
}

# CloudFront's metrics stand in us-east-1, wherever the rest is.
resource "aws_sns_topic" "edge" {
  #checkov:skip=CKV_AWS_26:As above.
  provider = aws.us_east_1
  name     = "${var.name}-edge-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_sns_topic_subscription" "edge" {
  count    = var.alarm_email == null ? 0 : 1
  provider = aws.us_east_1

  topic_arn = aws_sns_topic.edge.arn
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
    {
      for name in keys(local.functions) : "throttles-${name}" => {
        says       = "The function ${name} was wanted more often at once than the account allows (Lambda, concurrent executions)", namespace = "AWS/Lambda", metric = "Throttles"
        dimensions = { FunctionName = "${var.name}-${name}" }, statistic = "Sum", above = 0, seconds = 300
      }
    },
  )

  edge_alarms = {
    edge-5xx = {
      says       = "More than 1 % of CloudFront's answers were 5xx", metric = "5xxErrorRate"
      dimensions = { DistributionId = aws_cloudfront_distribution.site.id, Region = "Global" }, statistic = "Average", above = 1, periods = 2
    }
    edge-throttles = {
      says       = "CloudFront did not run the edge function as often as it was wanted", metric = "FunctionThrottles"
      dimensions = { FunctionName = aws_cloudfront_function.edge.name, Region = "Global" }, statistic = "Sum", above = 0, periods = 1
    }
    edge-errors = {
      says       = "The edge function failed", metric = "FunctionExecutionErrors"
      dimensions = { FunctionName = aws_cloudfront_function.edge.name, Region = "Global" }, statistic = "Sum", above = 0, periods = 1
    }
  }
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

moved {
  from = aws_cloudwatch_metric_alarm.edge_5xx
  to   = aws_cloudwatch_metric_alarm.edge["edge-5xx"]
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  for_each = local.edge_alarms
  provider = aws.us_east_1

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = "AWS/CloudFront"
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.edge.arn]
}

# Of the whole account: costs of one project are known by its tag only where somebody has switched that on, a day later.
resource "aws_budgets_budget" "month" {
  count = var.alarm_email == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_dollars)
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [var.alarm_email]
    }
  }
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
