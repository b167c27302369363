# Views of each clip, if they are wanted: CloudFront's log of paths, and the query that reads clips' names into it
# (docs/decisions/access-logs.md). In a bucket of its own, which no function reads.

locals {
  with_logs = var.access_logs ? 1 : 0

  # Nothing of who asked: no address, agent, query, referer or cookie, and no time of day.
  log_fields = ["date", "cs-method", "cs-uri-stem", "sc-status", "sc-bytes", "sc-range-start"]
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_144:A log that is kept for a month needs no copy.
  #checkov:skip=CKV_AWS_145:S3's own keys, as for the clips.
  #checkov:skip=CKV_AWS_18:This is the log.
  #checkov:skip=CKV_AWS_21:What the log wrote once nobody overwrites.
  #checkov:skip=CKV2_AWS_62:Nobody waits for a line of the log.
  count = local.with_logs

  bucket        = "${local.bucket}-logs"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "logs" {
  count = local.with_logs

  bucket                  = aws_s3_bucket.logs[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  count  = local.with_logs
  bucket = aws_s3_bucket.logs[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  count  = local.with_logs
  bucket = aws_s3_bucket.logs[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  count  = local.with_logs
  bucket = aws_s3_bucket.logs[0].id

  rule {
    id     = "as long as every log"
    status = "Enabled"
    filter {}

    expiration {
      days = var.log_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "logs" {
  count = local.with_logs

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.logs[0].arn, "${aws_s3_bucket.logs[0].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "LogWrites"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs[0].arn}/requests/*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.me.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_log_delivery_source.site[0].arn]
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  count = local.with_logs

  bucket     = aws_s3_bucket.logs[0].id
  policy     = data.aws_iam_policy_document.logs[0].json
  depends_on = [aws_s3_bucket_public_access_block.logs]
}

# What is told of CloudFront is told in us-east-1.
resource "aws_cloudwatch_log_delivery_source" "site" {
  count    = local.with_logs
  provider = aws.us_east_1

  name         = var.name
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.site.arn
}

resource "aws_cloudwatch_log_delivery_destination" "logs" {
  count    = local.with_logs
  provider = aws.us_east_1

  name          = var.name
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = "${aws_s3_bucket.logs[0].arn}/requests"
  }
}

resource "aws_cloudwatch_log_delivery" "site" {
  count    = local.with_logs
  provider = aws.us_east_1

  delivery_source_name     = aws_cloudwatch_log_delivery_source.site[0].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.logs[0].arn
  record_fields            = local.log_fields

  s3_delivery_configuration {
    suffix_path                 = "/{yyyy}/{MM}/{dd}"
    enable_hive_compatible_path = false
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_athena_workgroup" "views" {
  count = local.with_logs

  name          = var.name
  description   = "Views of each clip"
  force_destroy = true

  configuration {
    enforce_workgroup_configuration = true
    bytes_scanned_cutoff_per_query  = 100 * 1024 * 1024 * 1024

    result_configuration {
      output_location = "s3://${aws_s3_bucket.logs[0].id}/results/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_glue_catalog_database" "views" {
  count = local.with_logs

  name        = replace(var.name, "-", "_")
  description = "What CloudFront was asked for, and the clips' documents"
}

locals {
  # As Athena finds them: a log's line, and a document in one line.
  log_tables = {
    requests = {
      location = "s3://${local.bucket}-logs/requests/", serde = "org.openx.data.jsonserde.JsonSerDe"
      columns  = local.log_fields, parameters = { paths = join(",", sort(local.log_fields)) }
    }
    documents = {
      location = "s3://${local.bucket}/catalog/videos/", serde = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
      # No document has this character, so one column takes all of it.
      columns = ["document"], parameters = { "field.delim" = "\u0001" }
    }
  }
}

resource "aws_glue_catalog_table" "views" {
  for_each = { for name, table in local.log_tables : name => table if var.access_logs }

  database_name = aws_glue_catalog_database.views[0].name
  name          = each.key
  table_type    = "EXTERNAL_TABLE"

  storage_descriptor {
    location      = each.value.location
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = each.value.serde
      parameters            = each.value.parameters
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.value
        type = "string"
      }
    }
  }
}

resource "aws_athena_named_query" "views" {
  count = local.with_logs

  name        = "views"
  description = "Views of each clip, day by day"
  workgroup   = aws_athena_workgroup.views[0].id
  database    = aws_glue_catalog_database.views[0].name
  query       = file("${path.module}/views.sql")
}
