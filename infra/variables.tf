variable "name" {
  description = "Stands at the start of every resource's name: lower-case letters, digits and hyphens."
  type        = string
  default     = "clipset"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must be 2 to 20 of a-z, 0-9 and hyphen, and begin with a letter."
  }
}

variable "region" {
  description = "The region of everything but CloudFront."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's code, such as eu-central-1."
  }
}

variable "bucket" {
  description = "The bucket's name, which must be free in all of AWS; null: name and account number."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 of a-z, 0-9 and hyphen; a dot would break TLS."
  }
}

variable "packages" {
  description = "The folder with the functions' archives, as ./infra/package leaves it."
  type        = string
  default     = "build"

  validation {
    condition     = length(var.packages) > 0
    error_message = "packages must name a folder."
  }
}

variable "architecture" {
  description = "Of the functions' archives: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "pages" {
  description = "The folder of the built pages; null: none are uploaded."
  type        = string
  default     = "build/pages"
  validation {
    condition     = var.pages == null || try(length(var.pages) > 0, false)
    error_message = "pages must name a folder, or be null."
  }
}

variable "transcoder_image" {
  description = "The image of clipset-transcoder that AWS Batch runs, with its digest or tag (docs/operations/deploy.md)."
  type        = string

  validation {
    condition     = can(regex("^[^\\s:]+(:[0-9]+)?[^\\s]*[:@][0-9A-Za-z._:-]+$", var.transcoder_image)) && !endswith(var.transcoder_image, ":latest")
    error_message = "transcoder_image must name a tag other than latest, or a digest."
  }
}

variable "transcoder_command" {
  description = "The command in the image; Ref::job is the job's id. An image without clipset-transcoder as entry point needs it in front."
  type        = list(string)
  default     = ["run", "Ref::job"]

  validation {
    condition     = contains(var.transcoder_command, "Ref::job")
    error_message = "transcoder_command must contain Ref::job."
  }
}

variable "job_backend" {
  description = "Who converts clips: batch (AWS Batch) or mediaconvert (AWS Elemental MediaConvert)."
  type        = string
  default     = "batch"

  validation {
    condition     = contains(["batch", "mediaconvert"], var.job_backend)
    error_message = "job_backend must be batch or mediaconvert."
  }
}

variable "spot" {
  description = "Whether jobs go to Fargate Spot first, at about a third of the price; on demand where spot has none, or took a job away."
  type        = bool
  default     = true
}

variable "gpu" {
  description = "Whether jobs go to GPU machines first. New accounts have no quota for them: ask for \"All G and VT Spot Instance Requests\" first."
  type        = bool
  default     = false
}

variable "gpu_instance_types" {
  description = "Machines of the GPU queue, with an NVIDIA encoder."
  type        = list(string)
  default     = ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"]

  validation {
    condition     = length(var.gpu_instance_types) > 0 && alltrue([for type in var.gpu_instance_types : can(regex("^g[0-9][a-z]*\\.", type))])
    error_message = "gpu_instance_types must be machines of the G family."
  }
}

variable "most_gpu_vcpus" {
  description = "No more than so many vCPUs of GPU machines run at once."
  type        = number
  default     = 8

  validation {
    condition     = var.most_gpu_vcpus >= 4 && floor(var.most_gpu_vcpus) == var.most_gpu_vcpus
    error_message = "most_gpu_vcpus must be a whole number of at least 4."
  }
}

variable "most_fargate_vcpus" {
  description = "No more than so many vCPUs of Fargate run at once, and as many of Fargate Spot."
  type        = number
  default     = 16

  validation {
    condition     = var.most_fargate_vcpus >= 4 && floor(var.most_fargate_vcpus) == var.most_fargate_vcpus
    error_message = "most_fargate_vcpus must be a whole number of at least 4."
  }
}

variable "job_hours" {
  description = "A job of AWS Batch that takes longer than so many hours is ended, and its clip has failed."
  type        = number
  default     = 12

  validation {
    condition     = var.job_hours >= 1 && var.job_hours <= 72
    error_message = "job_hours must be 1 to 72."
  }
}

variable "task_disk_gib" {
  description = "The disk of a task, GiB. It holds a clip and what is made of it, so uploads have somewhat less than half of it (docs/operations/deploy.md)."
  type        = number
  default     = 100

  validation {
    condition     = var.task_disk_gib >= 21 && var.task_disk_gib <= 200 && floor(var.task_disk_gib) == var.task_disk_gib
    error_message = "task_disk_gib must be a whole number of 21 to 200, which is what Fargate has."
  }
}

variable "original_tiering_days" {
  description = "Originals older than this many days go to Intelligent-Tiering, which costs less for what nobody reads; null: never."
  type        = number
  default     = 30

  validation {
    condition     = var.original_tiering_days == null || try(var.original_tiering_days >= 1 && floor(var.original_tiering_days) == var.original_tiering_days, false)
    error_message = "original_tiering_days must be a whole number of at least 1, or null."
  }
}

variable "signature_seconds" {
  description = "How long a signed media address lives (HLS_URL_TTL_SECONDS)."
  type        = number
  default     = 43200

  validation {
    condition     = var.signature_seconds >= 60 && var.signature_seconds <= 604800
    error_message = "signature_seconds must be 60 to 604800."
  }
}

variable "requests_per_second" {
  description = "The API takes so many requests a second on average, and twice as many at once."
  type        = number
  default     = 100

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 5000
    error_message = "requests_per_second must be 1 to 5000."
  }
}

variable "log_days" {
  description = "Logs are kept so many days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "log_days must be a retention that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365."
  }
}

variable "alarm_email" {
  description = "Alarms are mailed here, after the mail that asks has been answered; null: nobody is told."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email must be a mail address."
  }
}

variable "monthly_dollars" {
  description = "AWS Budgets mails alarm_email when the account's month has cost four fifths of this, and when it is going to cost more."
  type        = number
  default     = 50

  validation {
    condition     = var.monthly_dollars > 0
    error_message = "monthly_dollars must be more than 0."
  }
}

variable "domain" {
  description = "An address of your own, such as clips.example.org; null: CloudFront's. Needs `zone`, or `certificate_arn`."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain must be a host name in lower case."
  }
}

variable "zone" {
  description = "The zone of Route 53 that `domain` is in, such as example.org: certificate and records are made there. Null: neither."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || (var.domain != null && (var.domain == var.zone || endswith(coalesce(var.domain, "-"), ".${coalesce(var.zone, "-")}")))
    error_message = "zone must be the domain, or what stands behind a dot in it."
  }
}

variable "certificate_arn" {
  description = "The domain's certificate in AWS Certificate Manager, in us-east-1, where no `zone` is named. Point the domain at the output `distribution`."
  type        = string
  default     = null

  validation {
    condition     = (var.certificate_arn != null) == (var.domain != null && var.zone == null) && (var.certificate_arn == null || can(regex("^arn:aws:acm:us-east-1:", var.certificate_arn)))
    error_message = "certificate_arn must be in us-east-1, and goes together with a domain that has no zone here."
  }
}

variable "price_class" {
  description = "From where CloudFront serves: PriceClass_100 (Europe, North America), _200, or _All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "web_acl" {
  description = "Whether AWS WAF stands before CloudFront: 8 dollars a month and 0.60 for each million requests. CloudFront's flat-rate plans want it."
  type        = bool
  default     = false
}

variable "access_logs" {
  description = "Whether CloudFront logs paths and nothing of who asked, for views of each clip (docs/decisions/access-logs.md)."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes the bucket with every clip in it."
  type        = bool
  default     = false
}
