# What wakes the events function, and what it is told.

locals {
  batch_environment = merge(
    {
      BATCH_QUEUE          = one(concat(aws_batch_job_queue.gpu, var.gpu ? [] : aws_batch_job_queue.spot, var.gpu || var.spot ? [] : [aws_batch_job_queue.fargate])).arn
      BATCH_JOB_DEFINITION = var.gpu ? aws_batch_job_definition.gpu[0].arn_prefix : aws_batch_job_definition.fargate.arn_prefix
    },
    var.gpu || var.spot ? {
      BATCH_FALLBACK_QUEUE          = aws_batch_job_queue.fargate.arn
      BATCH_FALLBACK_JOB_DEFINITION = aws_batch_job_definition.fargate.arn_prefix
    } : {},
  )

  events_environment = merge(
    { TOMBSTONES_KVS_ARN = aws_cloudfront_key_value_store.edge.arn, DISTRIBUTION_ID = aws_cloudfront_distribution.site.id },
    var.job_backend == "batch" ? local.batch_environment : { MEDIACONVERT_ROLE_ARN = aws_iam_role.mediaconvert.arn },
  )

  rules = {
    batch = {
      description = "Batch jobs of ours that changed, or that no machine can be had for"
      pattern     = { source = ["aws.batch"], detail-type = ["Batch Job State Change", "Batch Job Queue Blocked"], detail = { jobQueue = [{ prefix = "arn:aws:batch:${var.region}:${data.aws_caller_identity.me.account_id}:job-queue/${var.name}-" }] } }
    }
    mediaconvert = {
      description = "MediaConvert jobs of ours that changed"
      pattern     = { source = ["aws.mediaconvert"], detail-type = ["MediaConvert Job State Change"], detail = { userMetadata = { clipset = [{ exists = true }] } } }
    }
  }
}

resource "aws_cloudwatch_event_rule" "job" {
  for_each = local.rules

  name          = "${var.name}-${each.key}"
  description   = each.value.description
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "job" {
  for_each = local.rules

  rule = aws_cloudwatch_event_rule.job[each.key].name
  arn  = aws_lambda_function.function["events"].arn
}

resource "aws_lambda_permission" "job" {
  for_each = local.rules

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["events"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.job[each.key].arn
}

# New jobs, and videos whose document says that they are deleted.
resource "aws_s3_bucket_notification" "main" {
  bucket     = aws_s3_bucket.main.id
  depends_on = [aws_lambda_permission.bucket]

  dynamic "lambda_function" {
    for_each = ["jobs/queue/", "catalog/videos/"]

    content {
      id                  = replace(trimsuffix(lambda_function.value, "/"), "/", "-")
      lambda_function_arn = aws_lambda_function.function["events"].arn
      events              = ["s3:ObjectCreated:*"]
      filter_prefix       = lambda_function.value
    }
  }
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.function["events"].function_name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.main.arn
  source_account = data.aws_caller_identity.me.account_id
}

# Jobs that nobody told of or that wait too long; migration, and what nobody needs any more. The sweep reads up to ten
# thousand documents, so it comes less often.
resource "aws_scheduler_schedule" "maintenance" {
  #checkov:skip=CKV_AWS_297:The schedule holds one word; AWS's own key encrypts it.
  for_each = { review = "rate(5 minutes)", sweep = "rate(1 hour)" }

  name                = "${var.name}-${each.key}"
  description         = each.key == "sweep" ? "Brings everything in order" : "Asks how the jobs are"
  schedule_expression = each.value

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.function["events"].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ clipset = each.key })

    retry_policy {
      maximum_retry_attempts       = 1
      maximum_event_age_in_seconds = 300
    }
  }
}
