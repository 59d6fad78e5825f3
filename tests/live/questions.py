"""Every question of the dashboards and the alert rules of deploy/ is asked; those about failures after these were made."""
