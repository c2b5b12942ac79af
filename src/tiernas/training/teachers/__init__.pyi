from .config import TeacherConfig
from .prepare import prepare_teacher
from .teacher import Teacher, distillation_loss

__all__ = [
    "Teacher",
    "TeacherConfig",
    "distillation_loss",
    "prepare_teacher",
]
