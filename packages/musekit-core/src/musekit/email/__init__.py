"""Mail: written in the unit of work that wants it, sent afterwards by a job, once."""
