"""Checks and questions of the lessons, one module each; `initcourse.exercises` finds them by the number of the lesson."""
