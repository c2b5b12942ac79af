"""Teachers: trained networks whose answers a student learns beside the labels."""

from tiernas.training.teachers.config import TeacherConfig
from tiernas.training.teachers.prepare import prepare_teacher
from tiernas.training.teachers.teacher import Teacher, distillation_loss

__all__ = ["Teacher", "TeacherConfig", "distillation_loss", "prepare_teacher"]
