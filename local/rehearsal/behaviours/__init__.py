"""What AWS's services do that moto lacks: a module a service, found by being here."""
