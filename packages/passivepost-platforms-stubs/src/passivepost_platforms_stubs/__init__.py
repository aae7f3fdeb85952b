"""Networks PassivePost does not speak yet, declared honestly."""
