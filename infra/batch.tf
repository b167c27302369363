# AWS Batch: Fargate Spot, and Fargate behind it; GPU machines in front where there is a quota for them. All come down to zero.

resource "aws_cloudwatch_log_group" "batch" {
  #checkov:skip=CKV_AWS_158:Logs hold no secrets; CloudWatch encrypts them with its own key.
  #checkov:skip=CKV_AWS_338:Kept no longer than is needed to find a fault.
  name              = "/aws/batch/${var.name}"
  retention_in_days = var.log_days
}

moved {
  from = aws_batch_compute_environment.fargate
  to   = aws_batch_compute_environment.fargate["demand"]
}

resource "aws_batch_compute_environment" "fargate" {
  for_each = merge({ demand = "FARGATE" }, var.spot ? { spot = "FARGATE_SPOT" } : {})

  compute_environment_name_prefix = each.key == "demand" ? "${var.name}-fargate-" : "${var.name}-fargate-spot-"
  type                            = "MANAGED"
  service_role                    = aws_iam_role.batch.arn
  depends_on                      = [aws_iam_role_policy_attachment.batch]

  compute_resources {
    type               = each.value
    max_vcpus          = var.most_fargate_vcpus
    subnets            = aws_subnet.tasks[*].id
    security_group_ids = [aws_security_group.tasks.id]
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Spot first; on demand where no spot machine is to be had.
resource "aws_batch_compute_environment" "gpu" {
  for_each = var.gpu ? { spot = "SPOT", demand = "EC2" } : {}

  compute_environment_name_prefix = "${var.name}-gpu-${each.key}-"
  type                            = "MANAGED"
  service_role                    = aws_iam_role.batch.arn
  depends_on                      = [aws_iam_role_policy_attachment.batch]

  compute_resources {
    type                = each.value
    allocation_strategy = each.value == "SPOT" ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"
    min_vcpus           = 0
    max_vcpus           = var.most_gpu_vcpus
    instance_type       = var.gpu_instance_types
    instance_role       = aws_iam_instance_profile.gpu[0].arn
    subnets             = aws_subnet.tasks[*].id
    security_group_ids  = [aws_security_group.tasks.id]

    ec2_configuration {
      image_type = "ECS_AL2023_NVIDIA"
    }

    # Room for the clip at work.
    launch_template {
      launch_template_id = aws_launch_template.gpu[0].id
      version            = "$Latest"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_launch_template" "gpu" {
  count = var.gpu ? 1 : 0

  name        = "${var.name}-gpu"
  description = "A disk for the clip at work, encrypted"

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      # Beside the clip it holds the system, which a task of Fargate has elsewhere.
      volume_size           = var.task_disk_gib + 100
      volume_type           = "gp3"
      encrypted             = "true"
      delete_on_termination = "true"
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}

resource "aws_batch_job_queue" "fargate" {
  name     = "${var.name}-fargate"
  state    = "ENABLED"
  priority = 1

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.fargate["demand"].arn
  }
}

# Spot, and on demand what is beyond its vCPUs. What spot takes away begins here again; what it does not begin within ten minutes,
# or takes away three times, the events function gives to the queue that has no spot.
resource "aws_batch_job_queue" "spot" {
  count = var.spot ? 1 : 0

  name     = "${var.name}-fargate-spot"
  state    = "ENABLED"
  priority = 1

  dynamic "compute_environment_order" {
    for_each = [for kind in ["spot", "demand"] : aws_batch_compute_environment.fargate[kind].arn]

    content {
      order               = compute_environment_order.key + 1
      compute_environment = compute_environment_order.value
    }
  }
}

resource "aws_batch_job_queue" "gpu" {
  count = var.gpu ? 1 : 0

  name     = "${var.name}-gpu"
  state    = "ENABLED"
  priority = 1

  dynamic "compute_environment_order" {
    for_each = [aws_batch_compute_environment.gpu["spot"].arn, aws_batch_compute_environment.gpu["demand"].arn]

    content {
      order               = compute_environment_order.key + 1
      compute_environment = compute_environment_order.value
    }
  }
}

locals {
  # The one limit: the job's and FFmpeg's.
  job_seconds = var.job_hours * 3600

  # What says nothing of the clip, by the words of Batch: another try is free. Five rules are all that Batch takes.
  retried = ["Host EC2*", "Your Spot Task was interrupted*", "Task failed to start*", "Timeout waiting for network interface*"]

  task_environment = [
    for name, value in merge(
      local.bucket_environment,
      # FFmpeg gives up with the job, not after it.
      { AWS_REGION = var.region, TRANSCODER_TIME_LIMIT_SECONDS = tostring(local.job_seconds) },
      local.more_environment,
    ) :
    { name = name, value = value }
  ]

  task = {
    image       = var.transcoder_image
    command     = var.transcoder_command
    environment = local.task_environment
    jobRoleArn  = aws_iam_role.transcoder.arn

    logConfiguration = {
      logDriver = "awslogs"
      options   = { "awslogs-group" = aws_cloudwatch_log_group.batch.name, "awslogs-region" = var.region }
    }
  }
}

# Retries and the time limit stand here alone; SubmitJob says nothing of them.
resource "aws_batch_job_definition" "fargate" {
  name                  = "${var.name}-fargate"
  type                  = "container"
  platform_capabilities = ["FARGATE"]

  container_properties = jsonencode(merge(local.task, {
    executionRoleArn             = aws_iam_role.execution.arn
    resourceRequirements         = [{ type = "VCPU", value = "4" }, { type = "MEMORY", value = "16384" }]
    networkConfiguration         = { assignPublicIp = "ENABLED" }
    fargatePlatformConfiguration = { platformVersion = "LATEST" }
    # As the image is built (docs/operations/deploy.md).
    runtimePlatform  = { operatingSystemFamily = "LINUX", cpuArchitecture = "X86_64" }
    ephemeralStorage = { sizeInGiB = var.task_disk_gib }
  }))

  retry_strategy {
    attempts = 3

    dynamic "evaluate_on_exit" {
      for_each = local.retried

      content {
        action           = "RETRY"
        on_status_reason = evaluate_on_exit.value
      }
    }
    evaluate_on_exit {
      action    = "EXIT"
      on_reason = "*"
    }
  }

  timeout {
    attempt_duration_seconds = local.job_seconds
  }
}

resource "aws_batch_job_definition" "gpu" {
  count = var.gpu ? 1 : 0

  name                  = "${var.name}-gpu"
  type                  = "container"
  platform_capabilities = ["EC2"]

  container_properties = jsonencode(merge(local.task, {
    executionRoleArn = aws_iam_role.execution.arn
    resourceRequirements = [
      { type = "VCPU", value = "4" }, { type = "MEMORY", value = "14000" }, { type = "GPU", value = "1" }
    ]
  }))

  retry_strategy {
    attempts = 3

    dynamic "evaluate_on_exit" {
      for_each = local.retried

      content {
        action           = "RETRY"
        on_status_reason = evaluate_on_exit.value
      }
    }
    evaluate_on_exit {
      action    = "EXIT"
      on_reason = "*"
    }
  }

  timeout {
    attempt_duration_seconds = local.job_seconds
  }
}
