# Two public subnets for tasks. Their traffic with S3 goes through the gateway endpoint, which is free; there is no NAT.

data "aws_availability_zones" "here" {
  state = "available"
}

resource "aws_vpc" "tasks" {
  #checkov:skip=CKV2_AWS_11:Tasks take no connections and talk to AWS alone; flow logs would cost more than they tell.
  cidr_block           = "10.20.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Nothing uses it: closed.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.tasks.id
}

resource "aws_internet_gateway" "tasks" {
  vpc_id = aws_vpc.tasks.id
}

resource "aws_subnet" "tasks" {
  #checkov:skip=CKV_AWS_130:A public address instead of a NAT; nothing can connect to it.
  count = 2

  vpc_id                  = aws_vpc.tasks.id
  cidr_block              = cidrsubnet(aws_vpc.tasks.cidr_block, 4, count.index)
  availability_zone       = data.aws_availability_zones.here.names[count.index]
  map_public_ip_on_launch = true

  tags = { Name = "${var.name}-${count.index}" }
}

resource "aws_route_table" "tasks" {
  vpc_id = aws_vpc.tasks.id
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.tasks.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.tasks.id
}

resource "aws_route_table_association" "tasks" {
  count = 2

  subnet_id      = aws_subnet.tasks[count.index].id
  route_table_id = aws_route_table.tasks.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.tasks.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.tasks.id]
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "Tasks take no connections and make them to AWS over HTTPS"
  vpc_id      = aws_vpc.tasks.id

  egress {
    description = "S3, ECR and CloudWatch"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
