# The built pages, an input like the functions' archives.

locals {
  page_files = var.pages == null ? toset([]) : fileset(var.pages, "**")

  content_types = {
    html = "text/html; charset=utf-8", js = "text/javascript", css = "text/css", svg = "image/svg+xml", png = "image/png"
    ico  = "image/x-icon", json = "application/json", webmanifest = "application/manifest+json", woff2 = "font/woff2"
    txt  = "text/plain; charset=utf-8", map = "application/json", wasm = "application/wasm"
  }
}

resource "aws_s3_object" "page" {
  for_each = local.page_files

  bucket        = aws_s3_bucket.main.id
  key           = "pages/${each.value}"
  source        = "${var.pages}/${each.value}"
  source_hash   = filemd5("${var.pages}/${each.value}")
  content_type  = lookup(local.content_types, reverse(split(".", each.value))[0], "application/octet-stream")
  cache_control = startswith(each.value, "assets/") ? "public, max-age=31536000, immutable" : "no-cache"
}
